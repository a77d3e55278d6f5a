package io.parley.node.http;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;

/**
 * How far the stop of an HTTP server has come. What it was asked for goes on in the cluster in any
 * case; these say when clients are sent elsewhere for it.
 *
 * @param begun nothing new is taken: requests on open connections are refused
 * @param streamsEnd open streams end, to be taken up at another node
 * @param answersEnd whoever still waits for an answer is told to ask another node
 */
record Stopping(Signal begun, Signal streamsEnd, Signal answersEnd) {
  /** Of a server that runs. */
  static Stopping notYet() {
    return new Stopping(new Signal(), new Signal(), new Signal());
  }

  /**
   * What a stage gives, or, when the signal comes first, the error that this node stops.
   *
   * @param late takes what nobody waits for any more
   */
  static <T> CompletionStage<T> orRefused(
      Signal signal, CompletionStage<T> stage, Consumer<T> late) {
    CompletableFuture<T> first = new CompletableFuture<>();
    Signal.Registration registration =
        signal.listen(() -> first.completeExceptionally(Errors.nodeStopping()));
    stage.whenComplete(
        (result, failure) -> {
          registration.remove();
          if (failure != null) {
            first.completeExceptionally(failure);
          } else if (!first.complete(result)) {
            late.accept(result);
          }
        });
    return first;
  }
}
