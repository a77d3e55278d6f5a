package io.parley.workers;

import io.parley.workers.replica.Replica;

/** Makes the replica that a worker drives, at the start and again after it broke. */
@FunctionalInterface
public interface ReplicaFactory {
  /**
   * Loads the model. Called on a thread that may block, never twice at once.
   *
   * @throws Exception whatever made it fail; the worker logs it and tries again later
   */
  Replica open() throws Exception;
}
