package io.parley.node.bulk;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;

/**
 * What becomes of a record. What is at fault decides: a record that can never be answered as it
 * stands is a dead letter; one that was not answered, though it could have been, has a result that
 * says so.
 */
sealed interface Outcome {
  /** A body as HTTP would have answered, with its status. */
  record Result(int status, ObjectNode body) implements Outcome {}

  /** Its deadline passed first. */
  record Expired() implements Outcome {}

  /** To the dead letters. */
  record Dead(ApiException why) implements Outcome {}
}
