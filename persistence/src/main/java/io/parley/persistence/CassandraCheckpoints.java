package io.parley.persistence;

import akka.actor.typed.ActorSystem;
import io.parley.persistence.chain.ChainHead;
import io.parley.persistence.chain.Checkpoint;
import io.parley.persistence.chain.CheckpointKeys;
import io.parley.persistence.chain.Checkpoints;
import java.nio.ByteBuffer;
import java.time.InstantSource;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Signs checkpoints, and writes them to a table of the journal's keyspace. */
public final class CassandraCheckpoints implements Checkpoints {
  private static final Logger LOG = LoggerFactory.getLogger(CassandraCheckpoints.class);

  /** Beyond it checkpoints are left out: the next of each journal covers it. */
  private static final int UNDER_WAY_MAX = 256;

  private final PluginSession session;
  private final Executor signers;
  private final CheckpointKeys keys;
  private final InstantSource clock;
  private final String insert;
  private final AtomicInteger underWay = new AtomicInteger();

  private CassandraCheckpoints(ActorSystem<?> system, CheckpointKeys keys, InstantSource clock) {
    this.session = new PluginSession(system);
    this.signers = system.executionContext();
    this.keys = keys;
    this.clock = clock;
    this.insert =
        "INSERT INTO "
            + session.table(JournalTables.CHECKPOINTS.name())
            + " (persistence_id, sequence_nr, head, at, key_id, signature)"
            + " VALUES (?, ?, ?, ?, ?, ?)";
  }

  /** Checkpoints that these keys sign; none, when they have no key for it. */
  public static Checkpoints signedBy(
      CheckpointKeys keys, ActorSystem<?> system, InstantSource clock) {
    return keys.canSign() ? new CassandraCheckpoints(system, keys, clock) : NONE;
  }

  @Override
  public void add(ChainHead head) {
    if (underWay.incrementAndGet() > UNDER_WAY_MAX) {
      underWay.decrementAndGet();
      return;
    }
    CompletionStage<?> unused =
        CompletableFuture.supplyAsync(() -> keys.sign(head, clock.millis()), signers)
            .thenCompose(this::write)
            .whenComplete(
                (done, failure) -> {
                  underWay.decrementAndGet();
                  if (failure != null) {
                    LOG.warn(
                        "No checkpoint of {} at {}; the next one covers it: {}",
                        head.persistenceId(),
                        head.sequence(),
                        String.valueOf(failure.getMessage()));
                  }
                });
  }

  private CompletionStage<?> write(Checkpoint checkpoint) {
    return session.execute(
        insert,
        checkpoint.persistenceId(),
        checkpoint.sequence(),
        ByteBuffer.wrap(checkpoint.head().bytes()),
        checkpoint.atMillis(),
        checkpoint.keyId(),
        ByteBuffer.wrap(checkpoint.signature()));
  }
}
