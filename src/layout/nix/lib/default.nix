# Makes `lib` of its parts. Each part is a function of the whole, so that parts may use each other.
parts:
let
  trivial = parts.trivial lib;
  lists = parts.lists lib;
  attrsets = parts.attrsets lib;
  strings = parts.strings lib;
  options = parts.options lib;
  types = parts.types lib;
  generators = parts.generators lib;
  cli = parts.cli lib;
  filesystem = parts.filesystem lib;
  lib =
    trivial
    // lists
    // attrsets
    // strings
    // options
    // {
      inherit trivial lists attrsets strings options types generators cli filesystem;
      inherit (filesystem) pathType pathIsDirectory pathIsRegularFile;
      # Other names of the same functions.
      modules = { inherit (options) mkIf mkMerge mkAssert mkOverride mkOptionDefault mkDefault mkForce mkVMOverride mkImageMediaOverride mkOrder mkBefore mkAfter mkRenamedOptionModule mkRemovedOptionModule mkAliasOptionModule mkChangedOptionModule mkMergedOptionModule mkRenamedOptionModuleWith importApply setDefaultModuleLocation; };
      asserts = { inherit (trivial) assertMsg assertOneOf assertEachOneOf; };
      debug = { inherit (trivial) trace traceIf traceVal traceValFn traceValSeq traceSeq; };
      meta = { inherit (strings) getExe getExe'; };
      fixedPoints = { inherit (trivial) fix extends composeExtensions composeManyExtensions makeExtensible; };
      path = { append = path: text: path + ("/" + text); };
    };
in
lib
