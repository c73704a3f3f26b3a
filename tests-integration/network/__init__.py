"""Worker and viewer on machines of their own, which are network namespaces of this one."""
