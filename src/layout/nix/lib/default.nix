# Makes `lib` of its parts. Each part is a function of the whole, so that parts may use each other.
parts:
let
  trivial = parts.trivial lib;
  lists = parts.lists lib;
  attrsets = parts.attrsets lib;
  strings = parts.strings lib;
  options = parts.options lib;
  types = parts.types lib;
  lib =
    trivial
    // lists
    // attrsets
    // strings
    // options
    // {
      inherit trivial lists attrsets strings options types;
      # Other names of the same functions.
      modules = { inherit (options) mkIf mkMerge mkAssert mkOverride mkOptionDefault mkDefault mkForce mkVMOverride mkImageMediaOverride mkOrder mkBefore mkAfter mkRenamedOptionModule mkRemovedOptionModule mkAliasOptionModule mkChangedOptionModule mkMergedOptionModule; };
      fixedPoints = { inherit (trivial) fix extends composeExtensions composeManyExtensions makeExtensible; };
      path = { append = path: text: path + ("/" + text); };
    };
in
lib
