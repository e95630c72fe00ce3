"""The native dialect: the core's own words on the wire."""
