package io.parley.routing.protocol;

/** Which works go first when several wait. */
public enum Priority {
  INTERACTIVE,
  BULK
}
