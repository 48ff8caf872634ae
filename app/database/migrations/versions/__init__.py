"""One file for each change of the schema; `exists_here` tells whether an owner's tables belong here."""
