# A line comment
/* a block
   comment */
{
  # inside
  a = 1; # after
  /* before */ b /* between */ = /* here */ 2 /* there */;
  c = [
    1 # one
    # none
    2
  ];
}
