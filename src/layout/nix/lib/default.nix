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
    };
in
lib
