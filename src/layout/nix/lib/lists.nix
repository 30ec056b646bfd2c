# Lists.
lib:
let
  inherit (builtins)
    concatLists concatMap elem elemAt filter foldl' genList head isList length sort tail
    ;
in
rec {
  inherit (builtins)
    all any concatLists concatMap elem elemAt filter foldl' genList groupBy head length map partition sort tail
    ;

  singleton = x: [ x ];
  forEach = list: f: map f list;
  toList = x: if isList x then x else [ x ];
  optional = condition: x: if condition then [ x ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  range = first: last: if first > last then [ ] else genList (n: first + n) (last - first + 1);
  replicate = count: x: genList (_: x) count;

  foldr =
    f: start: list:
    let
      count = length list;
      from = index: if index == count then start else f (elemAt list index) (from (index + 1));
    in
    from 0;
  fold = foldr;
  foldl =
    f: start: list:
    let
      upTo = index: if index < 0 then start else f (upTo (index - 1)) (elemAt list index);
    in
    upTo (length list - 1);

  imap0 = f: list: genList (n: f n (elemAt list n)) (length list);
  imap1 = f: list: genList (n: f (n + 1) (elemAt list n)) (length list);
  imap = imap1;
  ifilter0 =
    keep: list:
    map (n: elemAt list n) (filter (n: keep n (elemAt list n)) (genList (n: n) (length list)));
  flatten = x: if isList x then concatMap flatten x else [ x ];
  remove = unwanted: filter (x: x != unwanted);
  count = holds: foldl' (sum: x: if holds x then sum + 1 else sum) 0;

  findFirstIndex =
    holds: default: list:
    let
      from =
        index:
        if index >= length list then default else if holds (elemAt list index) then index else from (index + 1);
    in
    from 0;
  findFirst =
    holds: default: list:
    let
      index = findFirstIndex holds null list;
    in
    if index == null then default else elemAt list index;
  findSingle =
    holds: none: several: list:
    let
      found = filter holds list;
    in
    if found == [ ] then none else if length found == 1 then head found else several;

  zipListsWith =
    f: a: b:
    genList (n: f (elemAt a n) (elemAt b n)) (lib.min (length a) (length b));
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });
  groupBy' =
    f: start: key: list:
    builtins.mapAttrs (_: foldl' f start) (builtins.groupBy key list);

  sublist =
    start: count: list:
    let
      available = length list;
    in
    genList (n: elemAt list (start + n)) (
      if start >= available then 0 else if start + count > available then available - start else count
    );
  take = count: sublist 0 count;
  drop = count: list: sublist count (length list) list;
  takeEnd = count: list: drop (lib.max 0 (length list - count)) list;
  dropEnd = count: list: take (lib.max 0 (length list - count)) list;
  last = list: if list == [ ] then throw "lists.last: the list is empty" else elemAt list (length list - 1);
  init = list: if list == [ ] then throw "lists.init: the list is empty" else take (length list - 1) list;
  reverseList = list: let count = length list; in genList (n: elemAt list (count - n - 1)) count;
  hasPrefix = prefix: list: take (length prefix) list == prefix;
  removePrefix =
    prefix: list:
    if hasPrefix prefix list then drop (length prefix) list else throw "lists.removePrefix: the list begins otherwise";
  commonPrefix =
    a: b:
    let
      both = lib.min (length a) (length b);
      differ = findFirstIndex (n: elemAt a n != elemAt b n) both (range 0 (both - 1));
    in
    take differ a;

  unique = foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];
  uniqueStrings = list: builtins.attrNames (builtins.groupBy (x: x) list);
  allUnique = list: length (unique list) == length list;
  intersectLists = wanted: filter (x: elem x wanted);
  subtractLists = unwanted: filter (x: !(elem x unwanted));
  mutuallyExclusive = a: b: length a == 0 || !(builtins.any (x: elem x a) b);
  crossLists = f: foldl' (functions: arguments: concatMap (g: map g arguments) functions) [ f ];

  sortOn =
    key: list:
    map (pair: pair.value) (
      sort (a: b: a.key < b.key) (
        map (value: {
          inherit value;
          key = key value;
        }) list
      )
    );
  compareLists =
    compare: a: b:
    if a == [ ] then
      (if b == [ ] then 0 else -1)
    else if b == [ ] then
      1
    else
      let
        first = compare (head a) (head b);
      in
      if first == 0 then compareLists compare (tail a) (tail b) else first;
  naturalSort =
    list:
    let
      parts = text: map (part: if isList part then lib.toIntBase10 (head part) else part) (builtins.split "([0-9]+)" text);
      keyed = map (value: {
        inherit value;
        key = parts value;
      }) list;
    in
    map (pair: pair.value) (sort (a: b: compareLists lib.compare a.key b.key < 0) keyed);
}
