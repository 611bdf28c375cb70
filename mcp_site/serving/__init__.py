"""Starting and ending MCP: preparation, the web server, and the process that looks after both children."""
