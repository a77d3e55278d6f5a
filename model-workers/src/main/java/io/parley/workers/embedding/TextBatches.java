package io.parley.workers.embedding;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingReply.Embedded;
import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.routing.protocol.EmbeddingReply.Refused;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.WorkerMessage;
import io.parley.workers.embedding.HeldTexts.Held;
import io.parley.workers.embedding.HeldTexts.Slot;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;

/**
 * What a worker does with a loaded encoder: requests in, tokenized, and one batch of texts at a
 * time, of whatever is held then. What blocks runs on the encoder's threads and comes back as a
 * message to the worker, which hands it in here. Used by the worker's thread alone.
 */
final class TextBatches {
  /** Texts were tokenized, or that failed. */
  record Tokenized(Held held, List<int[]> tokens, Optional<Throwable> failure)
      implements EmbeddingWorker.Internal {}

  /** A batch was computed, or that failed. */
  record Computed(Batch batch, List<float[]> vectors, Optional<Throwable> failure)
      implements EmbeddingWorker.Internal {}

  /** Texts that are computed together. */
  static final class Batch {
    private static final Batch NONE = new Batch(List.of());

    private final List<Slot> slots;

    private Batch(List<Slot> slots) {
      this.slots = slots;
    }
  }

  private final ActorContext<WorkerMessage> context;
  private final RunningEncoder encoder;
  private final int batchTokens;
  private final InstantSource clock;
  private final HeldTexts held = new HeldTexts();
  private Batch running = Batch.NONE;
  private long startedNanos; // the running batch

  TextBatches(
      ActorContext<WorkerMessage> context,
      RunningEncoder encoder,
      int batchTokens,
      InstantSource clock) {
    this.context = context;
    this.encoder = encoder;
    this.batchTokens = batchTokens;
    this.clock = clock;
  }

  /** Takes requests in; each is answered once, unless it is cancelled. */
  void add(List<EmbeddingRequest> requests, ActorRef<EmbeddingReply> replyTo) {
    for (EmbeddingRequest request : requests) {
      Held entry = held.add(request, replyTo);
      if (request instanceof EmbeddingRequest.Texts texts) {
        tokenize(entry, texts.texts());
      } else {
        enqueue(entry, ((EmbeddingRequest.Tokens) request).tokens());
      }
    }
    compute();
  }

  private void tokenize(Held entry, List<String> texts) {
    context.pipeToSelf(
        encoder.tokenize(texts),
        (tokens, failure) ->
            new Tokenized(
                entry, tokens == null ? List.of() : tokens, Optional.ofNullable(failure)));
  }

  /** Whether this was not cancelled, and is not of an encoder before this one. */
  boolean holds(Tokenized message) {
    return held.isHeld(message.held());
  }

  /** Takes tokens that came without a failure. */
  void tokenized(Tokenized message) {
    enqueue(message.held(), message.tokens());
    compute();
  }

  private void enqueue(Held entry, List<int[]> texts) {
    encoder
        .fault(texts)
        .ifPresentOrElse(
            fault -> refuse(entry, fault.reason(), fault.index(), fault.detail()),
            () -> held.ready(entry, texts));
  }

  /** Starts the next batch when none runs. */
  private void compute() {
    if (running != Batch.NONE) {
      return;
    }
    long now = clock.millis();
    for (Held entry : held.all()) {
      if (entry.request().deadlineEpochMillis() < now) {
        refuse(entry, Reason.LATE, -1, "no room in time");
      }
    }
    List<Slot> slots = held.next(batchTokens);
    if (slots.isEmpty()) {
      return;
    }
    Batch batch = new Batch(slots);
    running = batch;
    startedNanos = System.nanoTime();
    context.pipeToSelf(
        encoder.embed(slots.stream().map(Slot::tokens).toList()),
        (vectors, failure) ->
            new Computed(
                batch, vectors == null ? List.of() : vectors, Optional.ofNullable(failure)));
  }

  /** For how long the batch runs; zero when none does. */
  Duration batchAge() {
    return running == Batch.NONE
        ? Duration.ZERO
        : Duration.ofNanos(System.nanoTime() - startedNanos);
  }

  /** Whether this is not of an encoder before this one. */
  boolean awaits(Computed message) {
    return message.batch() == running;
  }

  /** Takes vectors that came without a failure. */
  void computed(Computed message) {
    running = Batch.NONE;
    List<Slot> slots = message.batch().slots;
    Set<Held> touched = new HashSet<>();
    for (int i = 0; i < slots.size(); i++) {
      Slot slot = slots.get(i);
      slot.held().put(slot.index(), message.vectors().get(i));
      touched.add(slot.held());
    }
    for (Held entry : touched) {
      entry.complete().ifPresent(vectors -> answer(entry, vectors));
    }
    compute();
  }

  private void answer(Held entry, float[][] vectors) {
    if (held.remove(entry)) {
      ByteBuffer bytes =
          ByteBuffer.allocate(vectors.length * vectors[0].length * Float.BYTES)
              .order(ByteOrder.LITTLE_ENDIAN);
      for (float[] vector : vectors) {
        for (float number : vector) {
          bytes.putFloat(number);
        }
      }
      String id = entry.request().id();
      entry.replyTo().tell(new Embedded(id, entry.tokenCount(), bytes.array()));
    }
  }

  /** Lets a request go without an answer. */
  void cancel(String id) {
    held.find(id).ifPresent(held::remove);
  }

  void refuseAll(Reason reason, String detail) {
    for (Held entry : held.all()) {
      refuse(entry, reason, -1, detail);
    }
  }

  private void refuse(Held entry, Reason reason, int index, String detail) {
    if (held.remove(entry)) {
      entry.replyTo().tell(new Refused(entry.request().id(), reason, index, detail, 0));
    }
  }

  boolean isEmpty() {
    return held.isEmpty();
  }

  /** About how many tokens are held. */
  int estimatedTokens() {
    return held.estimatedTokens();
  }

  /** Frees the encoder behind what it does; ends when it is freed. */
  CompletionStage<Void> close() {
    return encoder.close();
  }
}
