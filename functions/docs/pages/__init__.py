"""What /docs shows. It knows files only: no table, no bucket, no caller."""
