"""Tables: one function per table gives its rows; rendering and writing are shared."""
