package io.parley.node.bulk;

import io.parley.node.bulk.BulkWriting.Written;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * Writes results and dead letters in the order in which it is asked. Sending may block while the
 * broker is away, so it happens on a thread of its own.
 */
final class BulkProducer implements AutoCloseable {
  private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(3);

  private final KafkaProducer<byte[], byte[]> producer;
  private final ExecutorService sender =
      Executors.newSingleThreadExecutor(
          task -> {
            Thread thread = new Thread(task, "bulk-producer");
            thread.setDaemon(true);
            return thread;
          });

  BulkProducer(KafkaProducer<byte[], byte[]> producer) {
    this.producer = producer;
  }

  /**
   * Completes when it is acknowledged.
   *
   * @param instead what is written when its topic does not take so large a record
   */
  CompletionStage<Void> write(Written record, Supplier<Written> instead) {
    return send(record)
        .<CompletionStage<Void>>handle(
            (done, failure) -> {
              if (failure == null) {
                return CompletableFuture.completedFuture(null);
              }
              if (!isTooLarge(failure)) {
                return CompletableFuture.failedFuture(failure);
              }
              Written smaller = instead.get();
              return smaller.value().isPresent()
                  ? write(smaller, () -> BulkWriting.withoutValue(smaller))
                  : send(smaller);
            })
        .thenCompose(stage -> stage);
  }

  private static boolean isTooLarge(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof RecordTooLargeException) {
        return true;
      }
    }
    return false;
  }

  private CompletionStage<Void> send(Written record) {
    CompletableFuture<Void> acknowledged = new CompletableFuture<>();
    ProducerRecord<byte[], byte[]> out =
        new ProducerRecord<>(
            record.topic(), record.key().orElse(null), record.value().orElse(null));
    record
        .headers()
        .forEach(header -> out.headers().add(new RecordHeader(header.name(), header.value())));
    try {
      sender.execute(
          () -> {
            try {
              var unused =
                  producer.send(
                      out,
                      (metadata, failure) -> {
                        if (failure == null) {
                          acknowledged.complete(null);
                        } else {
                          acknowledged.completeExceptionally(failure);
                        }
                      });
            } catch (RuntimeException e) {
              acknowledged.completeExceptionally(e);
            }
          });
    } catch (RejectedExecutionException e) {
      acknowledged.completeExceptionally(e);
    }
    return acknowledged;
  }

  @Override
  public void close() {
    sender.shutdown();
    try {
      if (!sender.awaitTermination(CLOSE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
        sender.shutdownNow();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    producer.close(CLOSE_PATIENCE);
  }
}
