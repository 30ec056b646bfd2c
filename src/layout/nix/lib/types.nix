# Types of options: what they accept (`check`) and what the merging of modules needs to know.
lib:
let
  inherit (builtins)
    all concatStringsSep elem isAttrs isBool isFloat isInt isList isPath isString match
    ;
  type = name: description: check: {
    _type = "option-type";
    inherit name description check;
  };
  text = separator: description: (type "separatedString" description isString) // { inherit separator; };
  within =
    low: high: description:
    type "int" description (x: isInt x && (low == null || x >= low) && (high == null || x <= high));
in
rec {
  mkOptionType =
    {
      name,
      description ? name,
      check ? (_: true),
      ...
    }@declaration:
    { inherit description check; } // declaration // { _type = "option-type"; };
  isOptionType = value: value._type or null == "option-type";
  addCheck = inner: check: inner // { check = x: inner.check x && check x; };

  raw = type "raw" "raw value" (_: true);
  anything = type "anything" "anything" (_: true);
  unspecified = type "unspecified" "unspecified value" (_: true);
  bool = type "bool" "boolean" isBool;
  boolByOr = type "boolByOr" "boolean" isBool;
  int = within null null "signed integer";
  float = type "float" "floating point number" isFloat;
  number = type "number" "integer or floating point number" (x: isInt x || isFloat x);
  port = within 0 65535 "16 bit unsigned integer; between 0 and 65535";
  ints = {
    between = low: high: within low high "integer between ${toString low} and ${toString high}";
    unsigned = within 0 null "unsigned integer, meaning >=0";
    positive = within 1 null "positive integer, meaning >0";
    u8 = within 0 255 "8 bit unsigned integer";
    u16 = within 0 65535 "16 bit unsigned integer";
    u32 = within 0 4294967295 "32 bit unsigned integer";
    s8 = within (-128) 127 "8 bit signed integer";
    s16 = within (-32768) 32767 "16 bit signed integer";
    s32 = within (-2147483648) 2147483647 "32 bit signed integer";
  };
  numbers = {
    between = low: high: type "number" "number between ${toString low} and ${toString high}" (x: (isInt x || isFloat x) && x >= low && x <= high);
    nonnegative = type "number" "nonnegative number" (x: (isInt x || isFloat x) && x >= 0);
    positive = type "number" "positive number" (x: (isInt x || isFloat x) && x > 0);
  };

  str = type "str" "string" isString;
  nonEmptyStr = type "str" "non-empty string" (x: isString x && match "[ \t\n]*" x == null);
  singleLineStr = type "str" "string without line breaks" (x: isString x && match "[^\n\r]*\n?" x != null);
  strMatching = pattern: type "str" "string matching the pattern ${pattern}" (x: isString x && match pattern x != null);
  passwdEntry = inner: addCheck inner (x: isString x && match "[^:\n]*" x != null);
  separatedString = separator: text separator "strings concatenated with ${builtins.toJSON separator}";
  lines = text "\n" "strings concatenated with line breaks";
  commas = text "," "strings concatenated with commas";
  envVar = text ":" "strings concatenated with colons";
  path = type "path" "absolute path" (x: isPath x || (isString x && builtins.substring 0 1 x == "/"));
  pathInStore = path;
  pathWith = _: path;
  externalPath = path;
  package = type "package" "package" (x: isAttrs x || isString x || isPath x);
  enum = values: type "enum" "one of ${concatStringsSep ", " (map builtins.toJSON values)}" (x: elem x values);

  attrs = type "attrs" "attribute set" isAttrs;
  attrsOf = inner: (type "attrsOf" "attribute set of ${inner.description}" isAttrs) // { nested = inner; };
  lazyAttrsOf = inner: (type "lazyAttrsOf" "lazy attribute set of ${inner.description}" isAttrs) // { nested = inner; };
  attrsWith = { elemType, ... }: attrsOf elemType;
  listOf = inner: (type "listOf" "list of ${inner.description}" isList) // { nested = inner; };
  nonEmptyListOf = inner: addCheck (listOf inner) (x: x != [ ]);
  nullOr = inner: (type "nullOr" "null or ${inner.description}" (x: x == null || inner.check x)) // { nested = inner; };
  uniq = inner: inner // { name = "uniq"; nested = inner; };
  unique = _: uniq;
  either = a: b: (type "either" "${a.description} or ${b.description}" (x: a.check x || b.check x)) // { choices = [ a b ]; };
  oneOf = choices: (type "either" (concatStringsSep " or " (map (choice: choice.description) choices)) (x: builtins.any (choice: choice.check x) choices)) // { inherit choices; };
  coercedTo =
    from: convert: to:
    (type "coercedTo" "${to.description} or ${from.description} convertible to it" (x: (from.check x && to.check (convert x)) || to.check x))
    // {
      nested = to;
      inherit from convert;
    };
  functionTo = inner: (type "functionTo" "function that evaluates to ${inner.description}" lib.isFunction) // { nested = inner; };
  submodule = modules: submoduleWith { modules = lib.toList modules; shorthandOnlyDefinesConfig = true; };
  submoduleWith =
    { modules, specialArgs ? { }, shorthandOnlyDefinesConfig ? false, ... }:
    (type "submodule" "submodule" (x: isAttrs x || lib.isFunction x || isPath x))
    // { inherit modules specialArgs shorthandOnlyDefinesConfig; };
  deferredModule = type "deferredModule" "module" (x: isAttrs x || lib.isFunction x || isPath x);
  deferredModuleWith = _: deferredModule;
  optionType = type "optionType" "option type" isOptionType;
}
