"""Taking documents in: loading, parsing, chunking, and the pipeline that joins them."""
