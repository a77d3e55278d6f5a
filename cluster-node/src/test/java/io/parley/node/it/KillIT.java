package io.parley.node.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import io.parley.node.chaos.NodeProcess;
import io.parley.node.it.KillRound.Moment;
import io.parley.persistence.JournalEndpoint;
import io.parley.persistence.embedded.EmbeddedCassandra;
import io.parley.persistence.embedded.EmbeddedCassandraListener;
import io.parley.persistence.embedded.EmbeddedSettings;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A node dies by {@code kill -9} in the middle of answers and comes back: whoever streamed goes on
 * behind what he saw, without a gap and without a repetition, and nobody had seen what was not in
 * the journal.
 */
class KillIT {
  private static final int ROUNDS = 6;
  private static final int ROUNDS_WITH_JOURNAL = 2;

  private static final List<Moment> MOMENTS =
      List.of(Moment.START, Moment.MIDDLE, Moment.END, Moment.MIDDLE);

  private final long seed = Long.getLong("parley.it.seed", new SecureRandom().nextLong());
  private final Random random = new Random(seed);

  @TempDir private Path data;

  @Test
  void everyStreamGoesOnBehindAKilledNode() {
    EmbeddedSettings settings = journalSettings();
    try (EmbeddedCassandra journal =
            EmbeddedCassandra.start(
                settings, data.resolve("journal"), new EmbeddedCassandraListener() {});
        NodeProcess node = NodeProcess.started(data.resolve("node"), on(journal.endpoint()))) {
      killInRounds(node, ROUNDS);
    }
  }

  @Test
  void everyStreamGoesOnWhenTheJournalDiesWithItsNode() {
    try (NodeProcess node = NodeProcess.started(data.resolve("node"))) {
      killInRounds(node, ROUNDS_WITH_JOURNAL);
    }
  }

  private void killInRounds(NodeProcess node, int rounds) {
    System.out.println("KillIT: -Dparley.it.seed=" + seed);
    int mayFall = 0;
    int fellInMidAnswer = 0;
    for (int round = 1; round <= rounds; round++) {
      Moment moment = MOMENTS.get(round % MOMENTS.size());
      KillRound one = KillRound.of(node, moment, random);
      one.run();
      one.check();
      if (moment != Moment.START) {
        mayFall++;
        fellInMidAnswer += one.fellInMidAnswer() ? 1 : 0;
      }
      System.out.println("KillIT: round " + round + " of " + rounds + ": " + one);
    }
    assertThat(fellInMidAnswer)
        .as("rounds of %s in which an answer was cut", mayFall)
        .isGreaterThanOrEqualTo(mayFall * 3 / 4);
  }

  static EmbeddedSettings journalSettings() {
    Path lib = NodeProcess.root().resolve("persistence/cassandra/target/lib");
    return EmbeddedSettings.from(
        ConfigFactory.parseMap(Map.of("parley.journal.embedded.lib", lib.toString()))
            .withFallback(ConfigFactory.load()));
  }

  static String[] on(JournalEndpoint journal) {
    return new String[] {
      "-D", "parley.journal.contact-points=[\"" + journal.contactPoints().get(0) + "\"]",
      "-D", "parley.journal.local-datacenter=" + journal.localDatacenter(),
      "-D", "parley.journal.replication.factor=1"
    };
  }
}
