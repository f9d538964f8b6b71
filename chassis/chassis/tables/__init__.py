"""Tables in and out: CSV and XLSX files are read without guessing, and refused rows are written.

A file is read as a spreadsheet shows it. A file that can be read in two ways is refused (`chassis.tables.faults`), and so is a row, by the
spreadsheet's row number. `reading.open_table` reads; `writing` writes.
"""
