"""The models that come with the program: trained ones with their data, and architectures built on demand."""
