package io.parley.workers.embedding;

import io.parley.routing.protocol.EmbeddingReply.Reason;
import io.parley.workers.engine.EncoderSpec;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** An encoder with its two threads: one tokenizes, the other computes. */
final class RunningEncoder {
  private static final long TOKENIZER_PATIENCE_SECONDS = 60;

  private final EncoderReplica replica;
  private final ExecutorService engineThread;
  private final ExecutorService tokenizerThread;

  RunningEncoder(EncoderReplica replica) {
    this.replica = replica;
    String name = "encoder-" + replica.model().id().name();
    this.engineThread = thread(name);
    this.tokenizerThread = thread(name + "-tokenizer");
    engineThread.execute(replica.encoder()::ownThread);
  }

  private static ExecutorService thread(String name) {
    return Executors.newSingleThreadExecutor(
        task -> {
          Thread thread = new Thread(task, name);
          thread.setDaemon(true);
          return thread;
        });
  }

  CompletionStage<List<int[]>> tokenize(List<String> texts) {
    return CompletableFuture.supplyAsync(
        () -> texts.stream().map(replica.tokenizer()::encode).toList(), tokenizerThread);
  }

  CompletionStage<List<float[]>> embed(List<int[]> texts) {
    return CompletableFuture.supplyAsync(
        () -> List.of(replica.encoder().embed(texts)), engineThread);
  }

  /** Why a text cannot be embedded. */
  record Fault(Reason reason, int index, String detail) {}

  /** The first text that the encoder does not take. */
  Optional<Fault> fault(List<int[]> texts) {
    EncoderSpec spec = replica.encoder().spec();
    for (int i = 0; i < texts.size(); i++) {
      int length = texts.get(i).length;
      if (length == 0) {
        return Optional.of(new Fault(Reason.BAD_TOKENS, i, "has no tokens"));
      }
      if (length > spec.contextLength()) {
        String detail = "has " + length + " tokens; the model takes " + spec.contextLength();
        return Optional.of(new Fault(Reason.TOO_LONG, i, detail));
      }
      for (int token : texts.get(i)) {
        if (token < 0 || token >= spec.vocabularySize()) {
          String detail = "has a token that is not from 0 to " + (spec.vocabularySize() - 1);
          return Optional.of(new Fault(Reason.BAD_TOKENS, i, detail));
        }
      }
    }
    return Optional.empty();
  }

  /** Frees the encoder behind the last text and the last batch; ends when it is freed. */
  CompletionStage<Void> close() {
    tokenizerThread.shutdown();
    CompletionStage<Void> closed = CompletableFuture.runAsync(this::closeReplica, engineThread);
    engineThread.shutdown();
    return closed;
  }

  private void closeReplica() {
    try {
      // what is still used must not be freed
      if (tokenizerThread.awaitTermination(TOKENIZER_PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        replica.close();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
