"""Whatever anybody can send to a viewer's ports, as holder of its key and without: it lives on."""
