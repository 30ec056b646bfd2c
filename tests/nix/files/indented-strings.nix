# Indentation, escapes and interpolation in `''` strings.
let
  x = "X";
in
[
  ''
    plain
      deeper
    back
  ''
  ''
      first
    second ${x}
        third
  ''
  ''no newline''
  ''
    trailing text''
  ''

    blank lines

    stay

  ''
  ''
    ''${escaped} ''\n ''' ''\${x} $${x} $$
  ''
  ''
	tab
    and spaces
  ''
  ''   
    spaces after the quotes
  ''
  ''
    ${x}
      ${x}y
  ''
  ''
      ${x}
    after
  ''
  '' a ''
  ''
    a
   ''
  ''
    one
    two ''
  ''${x}''
  ''${x}
    y
  ''
  ''''
  ''
  ''
  ''

  ''
  ''
    it's ' and '
    $ ends $
  ''
  ''
    a '${x}' b
  ''
  "plain
    string keeps
  its indentation"
  ''
    \ backslash \n stays
  ''
  ''
    ''\
    x
  ''
  ''
   '''
    x
  ''
]
