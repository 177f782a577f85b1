import sqlite3
get_ipython().run_line_magic("matplotlib", "inline")
!pip install flask
%matplotlib inline
x = sqlite3.connect(":memory:")
