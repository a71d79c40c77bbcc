"""How many calibration samples a calibrator needs, and which calibrator: measured on several draws of them."""
