package io.parley.node;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.ActorSystem;
import akka.actor.CoordinatedShutdown;
import akka.testkit.javadsl.TestKit;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.JournalSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class StopTimesTest {
  private static Config config(Map<String, String> overrides) {
    return NodeConfig.load(Optional.empty(), overrides);
  }

  @Test
  void phasesLastAsLongAsTheSettingsSay() {
    Config raised =
        config(Map.of("parley.http.stop-deadline", "60s", "parley.worker.leave-timeout", "30s"));
    Config akka =
        StopTimes.from(raised)
            .phases()
            .withFallback(ConfigFactory.parseString("akka.actor.provider = local"))
            .withFallback(raised);
    ActorSystem system = ActorSystem.create("stop", akka);
    try {
      CoordinatedShutdown shutdown = CoordinatedShutdown.get(system);
      assertThat(shutdown.timeout(CoordinatedShutdown.PhaseServiceRequestsDone()).toSeconds())
          .isGreaterThan(60);
      assertThat(shutdown.timeout(CoordinatedShutdown.PhaseServiceStop()).toSeconds())
          .isGreaterThan(30);
    } finally {
      TestKit.shutdownActorSystem(system);
    }
    assertThat(StopTimes.from(raised).patience()).isGreaterThan(Duration.ofSeconds(90));
  }

  @Test
  void aStopTakesNoLongerThanTheServiceUnitAllows() throws Exception {
    Config defaults = config(Map.of());
    Duration killed = Duration.ofSeconds(10); // that a child gets which did not stop by itself
    Duration whole =
        StopTimes.from(defaults)
            .patience()
            .plus(JournalSettings.from(defaults).embedded().stopTimeout())
            .plus(killed);
    String unit = Files.readString(Path.of("..", "deploy", "systemd", "parley.service"));
    assertThat(unit).contains("TimeoutStopSec=90");
    assertThat(whole).isLessThanOrEqualTo(Duration.ofSeconds(90));
  }
}
