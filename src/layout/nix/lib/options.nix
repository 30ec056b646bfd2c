# Options, and the marks that the merging of modules understands.
lib:
let
  override = priority: content: {
    _type = "override";
    inherit priority content;
  };
  order = priority: content: {
    _type = "order";
    inherit priority content;
  };
in
rec {
  mkOption = declaration: declaration // { _type = "option"; };
  mkEnableOption = name: mkOption {
    type = lib.types.bool;
    default = false;
    example = true;
    description = "Whether to enable ${name}.";
  };
  mkPackageOption = _: name: _: mkOption {
    type = lib.types.package;
    description = "The ${builtins.concatStringsSep "." (lib.toList name)} package to use.";
  };
  mkSinkUndeclaredOptions = declaration: mkOption ({ internal = true; visible = false; } // declaration);
  isOption = value: value._type or null == "option";
  isType = name: value: value._type or null == name;
  setType = name: value: value // { _type = name; };

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkAssert = condition: message: content: mkIf (condition || throw "assertion failed: ${message}") content;
  mkOverride = override;
  mkOptionDefault = override 1500;
  mkDefault = override 1000;
  mkImageMediaOverride = override 60;
  mkForce = override 50;
  mkVMOverride = override 10;
  mkOrder = order;
  mkBefore = order 500;
  mkAfter = order 1500;
  defaultOverridePriority = 100;
  defaultOrderPriority = 1000;
  mkDefinition = definition: definition // { _type = "definition"; };
  mkFixStrictness = value: value;
  mkStrict = value: value;

  literalExpression = text: {
    _type = "literalExpression";
    inherit text;
  };
  literalExample = literalExpression;
  literalMD = literalExpression;
  mdDoc = text: text;
  showOption = builtins.concatStringsSep ".";
  showFiles = files: builtins.concatStringsSep " and " (map (file: "`${toString file}'") files);
  getValues = map (definition: definition.value);
  getFiles = map (definition: definition.file);

  # How types of a layout's own join definitions: `merge = lib.mergeEqualOption`.
  mergeEqualOption =
    location: definitions:
    let
      first = (builtins.head definitions).value;
    in
    if builtins.all (definition: definition.value == first) definitions then
      first
    else
      throw "`${showOption location}` has conflicting definitions";
  mergeOneOption =
    location: definitions:
    if builtins.length definitions == 1 then
      (builtins.head definitions).value
    else
      throw "`${showOption location}` is defined more than once, but takes one definition";

  # Modules from a file that is a function of something else first.
  importApply = file: arguments: import file arguments;
  setDefaultModuleLocation = _: module: { imports = [ module ]; };

  # Options of NixOS that are renamed or removed say nothing about disks.
  mkRenamedOptionModule = _: _: { };
  mkRemovedOptionModule = _: _: { };
  mkAliasOptionModule = _: _: { };
  mkChangedOptionModule = _: _: _: { };
  mkMergedOptionModule = _: _: _: { };
  mkRenamedOptionModuleWith = _: { };
}
