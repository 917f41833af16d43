"""What is known of electrocardiograms: their leads, rates and beats."""
