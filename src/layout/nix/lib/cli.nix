# Arguments of programs from sets.
lib:
let
  inherit (builtins)
    concatLists concatMap isBool isList stringLength
    ;
  inherit (lib) escapeShellArgs mapAttrsToList optional;
  plain = lib.generators.mkValueStringDefault { };
in
rec {
  toGNUCommandLine =
    {
      mkOptionName ? (name: if stringLength name == 1 then "-${name}" else "--${name}"),
      mkBool ? (name: value: optional value (mkOptionName name)),
      mkList ? (name: values: concatMap (mkOption name) values),
      mkOption ? (
        name: value:
        if value == null then
          [ ]
        else if optionValueSeparator == null then
          [ (mkOptionName name) (plain value) ]
        else
          [ "${mkOptionName name}${optionValueSeparator}${plain value}" ]
      ),
      optionValueSeparator ? null,
    }:
    options:
    concatLists (
      mapAttrsToList (
        name: value:
        if isBool value then
          mkBool name value
        else if isList value then
          mkList name value
        else
          mkOption name value
      ) options
    );
  toGNUCommandLineShell = how: options: escapeShellArgs (toGNUCommandLine how options);

  toCommandLine =
    format: options:
    let
      words =
        name:
        {
          option,
          sep,
          explicitBool,
          formatArg ? plain,
        }@how:
        value:
        if isList value then
          concatMap (words name how) value
        else if value == null || (value == false && !explicitBool) then
          [ ]
        else if value == true && !explicitBool then
          [ option ]
        else if sep == null then
          [ option (formatArg value) ]
        else
          [ "${option}${sep}${formatArg value}" ];
    in
    concatLists (mapAttrsToList (name: words name (format name)) options);
  toCommandLineShell = format: options: escapeShellArgs (toCommandLine format options);
  toCommandLineGNU =
    {
      isLong ? (name: stringLength name > 1),
      explicitBool ? false,
      formatArg ? plain,
    }:
    toCommandLine (name: {
      option = if isLong name then "--${name}" else "-${name}";
      sep = if isLong name then "=" else "";
      inherit explicitBool formatArg;
    });
  toCommandLineShellGNU = how: options: escapeShellArgs (toCommandLineGNU how options);
}
