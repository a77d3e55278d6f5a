package io.parley.routing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.receptionist.Receptionist;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.Leave;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.routing.WorkerDirectory.Describe;
import io.parley.routing.WorkerDirectory.Description;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkerDirectoryTest {
  private static final Config CONFIG =
      ConfigFactory.parseString("parley.routing.forget-model-after = 1s")
          .withFallback(Fixtures.node());

  @Test
  void aNameAloneIsItsNewestVersion() {
    List<ModelInfo> models =
        List.of(model("b@1", 5), model("a@1", 10), model("a@2", 20), model("a@3", 15)).stream()
            .sorted(WorkerDirectory.order())
            .toList();

    assertThat(WorkerDirectory.find(models, "a")).contains(model("a@2", 20));
    assertThat(WorkerDirectory.find(models, "a@3")).contains(model("a@3", 15));
    assertThat(WorkerDirectory.find(models, "c")).isEmpty();
    assertThat(WorkerDirectory.find(models, "a@")).isEmpty();
  }

  @Test
  void everyNodeKnowsWhatIsServedUntilTheWorkersNodeLeaves() {
    ActorTestKit first = ActorTestKit.create("directory", CONFIG);
    ActorTestKit second = ActorTestKit.create("directory", CONFIG);
    try {
      Fixtures.join(first.system(), first.system());
      Fixtures.join(second.system(), first.system());
      WorkerDirectory here = WorkerDirectory.get(first.system());
      WorkerDirectory there = WorkerDirectory.get(second.system());
      ModelInfo model = model("far@1", 1);
      assertThat(here.hasHeard()).isFalse();

      second.spawn(worker(model));

      await()
          .atMost(Duration.ofSeconds(30))
          .untilAsserted(
              () -> {
                assertThat(here.models()).containsExactly(model);
                assertThat(there.find("far")).contains(model);
              });
      assertThat(here.serves(model.id())).isTrue();
      assertThat(here.serves(ModelId.parse("far@2"))).isFalse();

      assertThat(here.expects(model.id())).isTrue();

      Cluster cluster = Cluster.get(second.system());
      cluster.manager().tell(Leave.create(cluster.selfMember().address()));
      await()
          .atMost(Duration.ofSeconds(30))
          .untilAsserted(() -> assertThat(here.models()).isEmpty());
      assertThat(here.hasHeard()).as("it knows that nobody serves").isTrue();
    } finally {
      second.shutdownTestKit();
      first.shutdownTestKit();
    }
  }

  private static ModelInfo model(String id, long created) {
    return new ModelInfo(ModelId.parse(id), 2048, created, "tests", "Apache-2.0");
  }

  private static Behavior<WorkerMessage> worker(ModelInfo model) {
    return Behaviors.setup(
        context -> {
          ActorRef<WorkerMessage> self = context.getSelf();
          context
              .getSystem()
              .receptionist()
              .tell(Receptionist.register(WorkerDirectory.SERVICE_KEY, self));
          return Behaviors.receive(WorkerMessage.class)
              .onMessage(
                  Describe.class,
                  describe -> {
                    describe.replyTo().tell(new Description(self, model));
                    return Behaviors.same();
                  })
              .build();
        });
  }
}
