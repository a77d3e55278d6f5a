package io.parley.workers.upstream;

import java.net.http.HttpResponse.BodySubscriber;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow.Subscription;
import java.util.function.Consumer;

/**
 * A body of events that is handed on line by line, and asked for piece by piece: a server that is
 * faster than its reader waits.
 */
final class EventBody implements BodySubscriber<String> {
  private final CompletableFuture<String> body = new CompletableFuture<>();
  private final EventLines lines;
  private Subscription subscription;

  EventBody(Consumer<String> lines) {
    this.lines = new EventLines(lines);
  }

  @Override
  public CompletionStage<String> getBody() {
    return body;
  }

  @Override
  public void onSubscribe(Subscription given) {
    subscription = given;
    subscription.request(1);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    try {
      buffers.forEach(lines::push);
    } catch (RuntimeException e) {
      subscription.cancel();
      body.completeExceptionally(e);
      return;
    }
    subscription.request(1);
  }

  @Override
  public void onError(Throwable failure) {
    body.completeExceptionally(failure);
  }

  @Override
  public void onComplete() {
    body.complete("");
  }
}
