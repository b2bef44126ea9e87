"""What a person looks at: the HTML report and the console table. Both show, and neither judges."""
