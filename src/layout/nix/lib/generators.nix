# Texts in formats of configuration files.
lib:
let
  inherit (builtins)
    concatLists concatStringsSep isBool isFloat isInt isList isString
    ;
  inherit (lib) concatStrings escape mapAttrsToList;
in
rec {
  toJSON = _: builtins.toJSON;
  toYAML = toJSON;

  mkValueStringDefault =
    _: value:
    if isString value then
      value
    else if isInt value then
      toString value
    else if isBool value then
      lib.boolToString value
    else if value == null then
      "null"
    else if isFloat value then
      lib.floatToString value
    else
      throw "generators: a ${builtins.typeOf value} has no form as a plain value";

  mkKeyValueDefault =
    {
      mkValueString ? mkValueStringDefault { },
    }:
    separator: key: value:
    "${escape [ separator ] key}${separator}${mkValueString value}";

  toKeyValue =
    {
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
      indent ? "",
    }:
    set:
    let
      line = key: value: "${indent}${mkKeyValue key value}\n";
      lines = key: value: if listsAsDuplicateKeys then map (line key) (lib.toList value) else [ (line key value) ];
    in
    concatStrings (concatLists (mapAttrsToList lines set));

  toINI =
    {
      mkSectionName ? escape [ "[" "]" ],
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
    }:
    sections:
    concatStringsSep "\n" (
      mapAttrsToList (
        name: values: "[${mkSectionName name}]\n" + toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } values
      ) sections
    );
}
