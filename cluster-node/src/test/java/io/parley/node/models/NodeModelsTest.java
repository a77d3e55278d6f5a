package io.parley.node.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import io.parley.node.models.NodeModels.Accepted;
import io.parley.node.models.NodeModels.Command;
import io.parley.node.models.NodeModels.Models;
import io.parley.node.models.NodeModels.Refusal;
import io.parley.node.models.NodeModels.Refused;
import io.parley.node.models.NodeModels.Reply;
import io.parley.routing.protocol.ModelId;
import io.parley.workers.Drain;
import io.parley.workers.engine.EngineMemory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NodeModelsTest {
  private static final ModelId ONE = ModelId.parse("story@1");
  private static final ModelId TWO = ModelId.parse("story@2");
  private static final Duration DRAIN = Duration.ofSeconds(7);

  private static ActorTestKit kit;

  @TempDir private static Path emptyRoot;

  private final Map<String, FakeModel> models = new ConcurrentHashMap<>();
  private final Set<ModelId> served = ConcurrentHashMap.newKeySet();
  private TestProbe<Reply> replies;
  private ActorRef<Command> owner;

  @BeforeAll
  static void startKit() {
    kit = ActorTestKit.create();
  }

  @AfterAll
  static void stopKit() {
    kit.shutdownTestKit();
  }

  @BeforeEach
  void prepare() {
    replies = kit.createTestProbe(Reply.class);
  }

  @AfterEach
  void stop() {
    kit.stop(owner);
  }

  /** The memory of a system that says nothing is without end. */
  private void start(MemoryBudget budget, NodeModels.Ready... ready) {
    NodeModels.Surroundings surroundings =
        new NodeModels.Surroundings(
            new ModelsSettings(0, DRAIN, Duration.ofSeconds(1)),
            budget,
            true,
            order -> models.get(order.spec()),
            served::contains);
    owner = kit.spawn(NodeModels.create(surroundings, List.of(ready)));
  }

  private void start() {
    start(new MemoryBudget(new FreeMemory(emptyRoot), 0, 0));
  }

  private Reply load(String spec) {
    owner.tell(new NodeModels.Load(ModelOrder.of(spec), replies.ref()));
    return replies.receiveMessage();
  }

  private Reply unload(String name) {
    owner.tell(new NodeModels.Unload(name, Optional.empty(), replies.ref()));
    return replies.receiveMessage();
  }

  private List<ModelStatus> all() {
    TestProbe<Models> answer = kit.createTestProbe(Models.class);
    owner.tell(new NodeModels.Describe(answer.ref()));
    return answer.receiveMessage().models();
  }

  private Optional<ModelStatus> status(ModelId id) {
    return all().stream().filter(model -> model.id().equals(Optional.of(id))).findFirst();
  }

  private ModelStatus only() {
    assertThat(all()).hasSize(1);
    return all().get(0);
  }

  private void awaitState(ModelId id, ModelState state) {
    await().until(() -> status(id).filter(model -> model.state() == state).isPresent());
  }

  private FakeModel serving(ModelId id) {
    FakeModel model = FakeModel.ready(id);
    models.put(id.toString(), model);
    assertThat(load(id.toString())).isInstanceOf(Accepted.class);
    served.add(id);
    awaitState(id, ModelState.SERVING);
    return model;
  }

  private static Refusal reason(Reply reply) {
    assertThat(reply).isInstanceOf(Refused.class);
    return ((Refused) reply).reason();
  }

  @Test
  void aModelIsFetchedLoadedWarmedAndServed() {
    start();
    FakeModel model = new FakeModel(ONE);
    models.put("story", model);
    model.found.complete(false);

    assertThat(load("story")).isInstanceOf(Accepted.class);
    await().until(() -> only().progress().equals(progress("bytes", 5, 10)));
    assertThat(only().state()).isEqualTo(ModelState.FETCHING);
    assertThat(only().id()).isEmpty();

    model.fetched.complete(null);
    await().until(() -> only().progress().equals(progress("tensors", 1, 2)));
    assertThat(only().state()).isEqualTo(ModelState.LOADING);
    assertThat(only().id()).contains(ONE);
    assertThat(only().memory()).contains(model.memory);

    model.loaded.complete(null);
    awaitState(ONE, ModelState.WARMING);
    await().until(() -> model.done.contains("warm"));
    assertThat(only().state()).as("the directory lacks it yet").isEqualTo(ModelState.WARMING);

    served.add(ONE);
    awaitState(ONE, ModelState.SERVING);
    assertThat(only().activity()).contains(new ModelStatus.Activity(4, 1, 0, 10, 8));
    assertThat(model.done).containsExactly("fetched", "loaded", "warm");
  }

  private static Optional<ModelStatus.Progress> progress(String unit, long done, long total) {
    return Optional.of(new ModelStatus.Progress(unit, done, total));
  }

  @Test
  void whatWasLoadedWithTheNodeIsServed() {
    FakeModel model = FakeModel.ready(ONE);
    served.add(ONE);
    start(
        new MemoryBudget(new FreeMemory(emptyRoot), 0, 0),
        new NodeModels.Ready(ModelOrder.of("story"), model));

    awaitState(ONE, ModelState.SERVING);
    assertThat(model.done).isEmpty();
  }

  @Test
  void anUnknownNameIsRefusedAndLeavesNothing() {
    start();
    FakeModel model = new FakeModel(ONE);
    models.put("nobody", model);
    model.found.completeExceptionally(
        new ModelFailure(ModelFailure.Code.NOT_FOUND, "no model 'nobody'"));

    assertThat(load("nobody")).isEqualTo(new Refused(Refusal.UNKNOWN_MODEL, "no model 'nobody'"));
    assertThat(all()).isEmpty();
    assertThat(model.done).containsExactly("closed");
  }

  @Test
  void twoVersionsServeSideBySideAndTheSameOneIsRefused() {
    start();
    serving(ONE);
    serving(TWO);

    assertThat(reason(load("story@1"))).isEqualTo(Refusal.ALREADY_LOADED);
    assertThat(reason(unload("story"))).isEqualTo(Refusal.AMBIGUOUS);
    assertThat(all()).hasSize(2);
  }

  @Test
  void oneThatIsLoadingOrDrainingIsRefusedByItsState() {
    start();
    FakeModel model = new FakeModel(ONE);
    model.found.complete(true);
    model.endsWhenDrained = false;
    models.put("story", model);
    assertThat(load("story")).isInstanceOf(Accepted.class);
    models.put("story@1", FakeModel.ready(ONE));
    assertThat(reason(load("story@1"))).isEqualTo(Refusal.LOADING);

    served.add(ONE);
    model.loaded.complete(null);
    awaitState(ONE, ModelState.SERVING);
    assertThat(unload("story@1")).isInstanceOf(Accepted.class);
    models.put("story@1", FakeModel.ready(ONE));
    assertThat(reason(load("story@1"))).isEqualTo(Refusal.DRAINING);
    assertThat(model.done).doesNotContain("closed");
  }

  /** Each slow part ends early when the model is unloaded: nothing is waited for, or served. */
  @ParameterizedTest
  @EnumSource(
      value = ModelState.class,
      names = {"FETCHING", "LOADING", "WARMING"})
  void whatIsUnderWayIsCancelled(ModelState state) throws Exception {
    start();
    FakeModel model = new FakeModel(ONE);
    models.put("story", model);
    model.found.complete(state != ModelState.FETCHING);
    model.warming = Optional.of(new CountDownLatch(1)); // for ever
    if (state == ModelState.WARMING) {
      model.loaded.complete(null);
    }
    assertThat(load("story")).isInstanceOf(Accepted.class);
    await().until(() -> only().state() == state && begun(model, state));

    Reply reply = unload(Long.toString(only().number()));

    assertThat(((Accepted) reply).model().state()).isEqualTo(ModelState.CANCELLING);
    await().until(() -> all().isEmpty());
    assertThat(model.done).endsWith("closed").doesNotContain("fetched", "warm");
    assertThat(model.openings).as("no worker").isNull();
    serving(TWO); // the next one's load is not held up, or interrupted
  }

  private boolean begun(FakeModel model, ModelState state) {
    return state == ModelState.WARMING
        ? model.done.contains("loaded")
        : only().progress().isPresent();
  }

  @Test
  void anEncoderIsShownAsOne() {
    start();
    FakeModel encoder = FakeModel.ready(ONE);
    encoder.kind = ModelKind.EMBEDDING;
    models.put("encoder", encoder);
    served.add(ONE);
    load("encoder");

    awaitState(ONE, ModelState.SERVING);
    assertThat(only().kind()).contains(ModelKind.EMBEDDING);
  }

  @Test
  void aModelWhoseEngineBrokeIsLoadingUntilItIsThereAgain() {
    start();
    FakeModel model = serving(ONE);
    assertThat(model.openings.<String>open(() -> "first")).isEqualTo("first");
    assertThat(only().state()).isEqualTo(ModelState.SERVING);

    assertThatThrownBy(
            () ->
                model.openings.open(
                    () -> {
                      throw new ModelFailure(ModelFailure.Code.ENGINE_FAILED, "still broken");
                    }))
        .hasMessage("still broken");
    awaitState(ONE, ModelState.LOADING);
    assertThat(only().failure().orElseThrow().message()).isEqualTo("still broken");

    model.openings.open(() -> "second");
    awaitState(ONE, ModelState.SERVING);
    assertThat(only().failure()).isEmpty();
  }

  @Test
  void modelsAreLoadedOneAfterTheOther() {
    start();
    FakeModel first = new FakeModel(ONE);
    first.found.complete(true);
    FakeModel second = FakeModel.ready(TWO);
    models.put("first", first);
    models.put("second", second);
    load("first");
    load("second");

    assertThat(status(TWO).orElseThrow().state()).isEqualTo(ModelState.LOADING);
    assertThat(second.done).isEmpty();
    first.loaded.complete(null);
    served.addAll(Set.of(ONE, TWO));

    awaitState(TWO, ModelState.SERVING);
    awaitState(ONE, ModelState.SERVING);
  }

  @Test
  void oneThatWaitsForItsTurnIsUnloadedAtOnce() {
    start();
    FakeModel first = new FakeModel(ONE);
    first.found.complete(true);
    FakeModel second = FakeModel.ready(TWO);
    models.put("first", first);
    models.put("second", second);
    load("first");
    load("second");

    assertThat(unload("story@2")).isInstanceOf(Accepted.class);

    assertThat(status(TWO)).isEmpty();
    assertThat(second.done).containsExactly("closed");
    first.loaded.complete(null);
    served.add(ONE);
    awaitState(ONE, ModelState.SERVING);
  }

  @Test
  void anUnloadedModelDrainsUntilItsWorkerEnds() {
    start();
    FakeModel model = serving(ONE);
    model.endsWhenDrained = false;

    assertThat(unload("story")).isInstanceOf(Accepted.class);

    await().until(() -> model.drained.equals(List.of(new Drain(DRAIN))));
    assertThat(only().state()).isEqualTo(ModelState.DRAINING);
    assertThat(unload("story")).as("again").isInstanceOf(Accepted.class);
    assertThat(only().state()).isEqualTo(ModelState.DRAINING);
    assertThat(model.drained).hasSize(1);
    assertThat(model.done).doesNotContain("closed");
  }

  @Test
  void aModelIsGoneWhenItsWorkerEnds() {
    start();
    FakeModel model = serving(ONE);

    unload("story");

    await().until(() -> all().isEmpty());
    assertThat(model.done).endsWith("closed");
    assertThat(reason(unload("story"))).isEqualTo(Refusal.NOT_LOADED);
  }

  @Test
  void oneThatDoesNotFitIsRefusedWithTheFiguresAndLeavesTheOthersServing() throws Exception {
    Path root = MemoryFiles.machine(emptyRoot.resolve("small"), 4096);
    start(new MemoryBudget(new FreeMemory(root), 0, 0));
    FakeModel small = FakeModel.ready(ONE);
    small.memory = new EngineMemory(0, 0, 0);
    models.put("small", small);
    FakeModel large = FakeModel.ready(TWO);
    large.memory = new EngineMemory(10L << 40, 20L << 40, 30L << 40);
    models.put("large", large);
    load("large");

    awaitState(TWO, ModelState.FAILED);
    ModelStatus.Failure failure = status(TWO).orElseThrow().failure().orElseThrow();
    assertThat(failure.code()).isEqualTo("not_enough_memory");
    assertThat(failure.message())
        .contains(
            "needs 61440.0 GiB (weights 10240.0 GiB + KV memory 20480.0 GiB + other 30720.0 GiB)")
        .contains("is free");
    assertThat(large.done).containsExactly("closed");
    // asked for again, the failed one gives way
    models.put("large", FakeModel.ready(TWO));
    assertThat(load("large")).isInstanceOf(Accepted.class);
    assertThat(all()).hasSize(1);
    // and unloading forgets it
    awaitState(TWO, ModelState.FAILED);
    assertThat(unload("story")).isInstanceOf(Accepted.class);
    assertThat(all()).isEmpty();
  }

  @Test
  void aLoadThatFailsIsKeptWithItsReasonAndTheNextOneGoesOn() {
    start();
    FakeModel broken = new FakeModel(ONE);
    broken.found.complete(true);
    broken.loaded.completeExceptionally(
        new ModelFailure(ModelFailure.Code.ENGINE_FAILED, "it broke"));
    models.put("broken", broken);
    load("broken");

    awaitState(ONE, ModelState.FAILED);
    assertThat(only().failure()).contains(new ModelStatus.Failure("engine_failed", "it broke"));
    serving(TWO);
  }
}
