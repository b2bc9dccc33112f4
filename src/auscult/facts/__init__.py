"""What more than one part of auscult has to know: facts of the field and small tools, without the logic of a verb."""
