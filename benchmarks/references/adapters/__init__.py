"""One file a reference implementation: its cases, and how it quantizes a job."""
