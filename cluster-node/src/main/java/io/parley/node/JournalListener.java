package io.parley.node;

/** Hears that the node must stop because of its journal. Called on threads that must not block. */
public interface JournalListener {
  /** The embedded journal is gone for good; what still runs may end in order. */
  void gone(String reason);

  /** The journal may belong to another cluster from now on; nothing may be written any more. */
  void taken(String reason);
}
