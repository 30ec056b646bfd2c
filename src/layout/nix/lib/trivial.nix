# Small functions: combinators, numbers, warnings, checks.
lib:
let
  inherit (builtins) elemAt foldl' genList length;
  digits = [ "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "A" "B" "C" "D" "E" "F" ];
in
rec {
  inherit (builtins)
    add addErrorContext bitAnd bitOr bitXor ceil deepSeq div floor fromJSON fromTOML genericClosure
    isAttrs isBool isFloat isInt isList isNull isPath isString lessThan mul pathExists readDir readFile
    seq sub toJSON trace tryEval typeOf unsafeGetAttrPos
    ;

  id = x: x;
  const = x: _: x;
  flip = f: a: b: f b a;
  pipe = foldl' (value: step: step value);
  concat = a: b: a ++ b;
  or = a: b: a || b;
  and = a: b: a && b;
  xor = a: b: a != b;
  bitNot = sub (-1);
  mergeAttrs = a: b: a // b;
  defaultTo = default: value: if value == null then default else value;
  mapNullable = f: value: if value == null then null else f value;
  applyIf = condition: f: value: if condition then f value else value;

  boolToString = value: if value then "true" else "false";
  boolToYesNo = value: if value then "yes" else "no";

  min = a: b: if a < b then a else b;
  max = a: b: if a > b then a else b;
  mod = base: int: base - int * (div base int);
  compare = a: b: if a < b then -1 else if a > b then 1 else 0;
  splitByAndCompare =
    first: yes: no: a: b:
    if first a then (if first b then yes a b else -1) else if first b then 1 else no a b;

  toBaseDigits =
    base: number:
    let
      go = rest: if rest < base then [ rest ] else go (rest / base) ++ [ (mod rest base) ];
    in
    assert builtins.isInt base && builtins.isInt number && base >= 2 && number >= 0;
    go number;
  toHexString = number: builtins.concatStringsSep "" (map (elemAt digits) (toBaseDigits 16 number));

  fromHexString =
    text:
    let
      parts = builtins.match "(0[xX])?([0-9a-fA-F]+)" text;
    in
    if parts == null then
      throw "fromHexString: `${text}` is not a hexadecimal number"
    else
      (builtins.fromTOML "number = 0x${elemAt parts 1}").number;

  fix = f: let x = f x; in x;
  extends = overlay: f: final: let previous = f final; in previous // overlay final previous;
  composeExtensions =
    f: g: final: previous:
    let
      first = f final previous;
      between = previous // first;
    in
    first // g final between;

  composeManyExtensions = lib.foldr composeExtensions (_: _: { });
  makeExtensible =
    f:
    fix (self: (f self) // { extend = overlay: makeExtensible (extends overlay f); });

  importJSON = path: builtins.fromJSON (builtins.readFile path);
  importTOML = path: builtins.fromTOML (builtins.readFile path);

  warn = message: builtins.trace "warning: ${message}";
  warnIf = condition: message: if condition then warn message else id;
  warnIfNot = condition: message: if condition then id else warn message;
  info = message: builtins.trace "note: ${message}";
  showWarnings = warnings: value: foldl' (rest: message: warn message rest) value warnings;
  throwIf = condition: message: if condition then throw message else id;
  throwIfNot = condition: message: if condition then id else throw message;
  assertMsg = condition: message: condition || throw message;
  assertOneOf =
    name: value: values:
    assertMsg (builtins.elem value values)
      "${name} must be one of ${builtins.toJSON values}, but is ${builtins.toJSON value}";
  assertEachOneOf = name: list: values: builtins.all (value: assertOneOf name value values) list;
  traceVal = value: builtins.trace value value;
  traceValSeq = value: builtins.trace (builtins.deepSeq value value) value;
  traceValFn = f: value: builtins.trace (f value) value;
  traceSeq = message: builtins.trace (builtins.deepSeq message message);
  traceIf = condition: message: value: if condition then builtins.trace message value else value;

  isFunction = f: builtins.isFunction f || (f ? __functor && isFunction (f.__functor f));
  functionArgs = f: if f ? __functor then f.__functionArgs or (functionArgs (f.__functor f)) else builtins.functionArgs f;
  setFunctionArgs = f: arguments: {
    __functor = _: f;
    __functionArgs = arguments;
  };
  toFunction = value: if isFunction value then value else _: value;
  checkListOfEnum =
    what: valid: given: value:
    let
      unknown = lib.subtractLists valid given;
    in
    if unknown == [ ] then value else throw "${what}: ${builtins.toJSON unknown} is not among ${builtins.toJSON valid}";

  inPureEvalMode = true;
  inNixShell = false;
  isInOldestRelease = false;
}
