"a\
b
c	d"
