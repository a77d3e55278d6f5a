package io.parley.node.http;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import akka.http.javadsl.model.HttpResponse;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import io.parley.node.models.ModelKind;
import io.parley.node.models.ModelOrder;
import io.parley.node.models.ModelStatus;
import io.parley.node.models.NodeModels;
import io.parley.node.models.NodeModels.Accepted;
import io.parley.node.models.NodeModels.Refused;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/**
 * The management listener's paths below {@code /models}: the models of this node. Those of the
 * cluster stand beside them ({@link ClusterRoutes}).
 */
final class ManagementRoutes {
  /** The owner answers soon, whatever it is asked: loading goes on behind the answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final long DRAIN_SECONDS_MAX = Duration.ofDays(1).toSeconds();

  private static final Set<String> FIELDS = Set.of("model", "kv_memory", "slots");

  private final ActorSystem<?> system;
  private final Optional<ActorRef<NodeModels.Command>> models;

  ManagementRoutes(ActorSystem<?> system, Optional<ActorRef<NodeModels.Command>> models) {
    this.system = system;
    this.models = models;
  }

  void addTo(Router router) {
    router.get("/models", call -> describe().thenApply(ManagementRoutes::list));
    router.get(
        "/models/{model}",
        call -> describe().thenApply(all -> Replies.ok(json(find(all, call.path().get(0))))));
    router.post("/models", this::load);
    router.delete(
        "/models/{model}",
        call -> {
          Optional<Duration> patience =
              call.queryInteger("drain_seconds", 0, DRAIN_SECONDS_MAX).map(Duration::ofSeconds);
          return change(replyTo -> new NodeModels.Unload(call.path().get(0), patience, replyTo));
        });
  }

  private CompletionStage<NodeModels.Models> describe() {
    return models
        .map(owner -> ask(owner, NodeModels.Describe::new))
        .orElseGet(() -> CompletableFuture.completedFuture(new NodeModels.Models(List.of())));
  }

  private static HttpResponse list(NodeModels.Models all) {
    ObjectNode list = Json.object().put("object", "list");
    ArrayNode data = list.putArray("data");
    all.models().forEach(model -> data.add(json(model)));
    return Replies.ok(list);
  }

  /** By number or {@code name@version}; by name the one that serves, if one does. */
  private static ModelStatus find(NodeModels.Models all, String name) {
    Optional<ModelStatus> exact =
        all.models().stream()
            .filter(
                model ->
                    Long.toString(model.number()).equals(name)
                        || model.id().map(id -> id.toString().equals(name)).orElse(false))
            .findFirst();
    return exact
        .or(
            () ->
                all.models().stream()
                    .filter(model -> model.id().map(id -> id.name().equals(name)).orElse(false))
                    .min(Comparator.comparing(ManagementRoutes::rank)))
        .orElseThrow(
            () -> ApiException.of(404, "model_not_loaded", "No such model is on this node."));
  }

  private static int rank(ModelStatus model) {
    return switch (model.state()) {
      case SERVING -> 0;
      case FAILED -> 2;
      default -> 1;
    };
  }

  private CompletionStage<HttpResponse> load(Call call) {
    JsonInput body = call.json();
    body.node()
        .fieldNames()
        .forEachRemaining(
            field -> {
              if (!FIELDS.contains(field)) {
                throw ApiException.badField(
                    field, "unknown_parameter", "'" + field + "' is not known here.");
              }
            });
    String model = body.requiredString("model");
    Optional<Long> kvMemory = body.string("kv_memory").map(ManagementRoutes::bytes);
    Optional<Integer> slots = body.integer("slots", 1, 4096).map(Long::intValue);
    ModelOrder order;
    try {
      order = ModelOrder.of(model, kvMemory, slots);
    } catch (IllegalArgumentException e) {
      throw JsonInput.invalid("model", "is not one: " + e.getMessage() + ".");
    }
    return change(replyTo -> new NodeModels.Load(order, replyTo));
  }

  /** A size as in a configuration, such as 512MiB. */
  private static long bytes(String text) {
    Config config = ConfigFactory.parseMap(Map.of("size", text));
    try {
      long bytes = config.getBytes("size");
      if (bytes >= 1) {
        return bytes;
      }
    } catch (ConfigException e) {
      // told below
    }
    throw JsonInput.invalid("kv_memory", "must be a positive size such as '512MiB'.");
  }

  private CompletionStage<HttpResponse> change(
      Function<ActorRef<NodeModels.Reply>, NodeModels.Command> command) {
    ActorRef<NodeModels.Command> owner =
        models.orElseThrow(
            () ->
                ApiException.of(409, "not_a_worker", "This node does not have the role 'worker'."));
    return ask(owner, command)
        .thenApply(
            reply -> {
              if (reply instanceof Accepted accepted) {
                return Replies.json(202, json(accepted.model()));
              }
              throw error((Refused) reply);
            });
  }

  private <T> CompletionStage<T> ask(
      ActorRef<NodeModels.Command> owner, Function<ActorRef<T>, NodeModels.Command> command) {
    return AskPattern.<NodeModels.Command, T>ask(
            owner, command::apply, PATIENCE, system.scheduler())
        .exceptionally(
            failure -> {
              if (Errors.unwrap(failure) instanceof TimeoutException) {
                throw ApiException.of(503, "models_silent", "The node's models do not answer.");
              }
              throw new IllegalStateException(Errors.unwrap(failure));
            });
  }

  private static ApiException error(Refused refused) {
    String message = refused.message();
    return switch (refused.reason()) {
      case UNKNOWN_MODEL -> ApiException.of(404, "model_not_found", message).withParam("model");
      case NOT_LOADED -> ApiException.of(404, "model_not_loaded", message).withParam("model");
      case UNUSABLE -> ApiException.badField("model", "model_unusable", message);
      case ALREADY_LOADED -> ApiException.of(409, "model_already_loaded", message);
      case LOADING -> ApiException.of(409, "model_loading", message);
      case DRAINING -> ApiException.of(409, "model_draining", message);
      case AMBIGUOUS -> ApiException.of(409, "model_ambiguous", message);
      case BAD_SETTING -> ApiException.of(400, "invalid_value", message);
      case TOO_MANY -> ApiException.of(409, "too_many_models", message);
    };
  }

  static ObjectNode json(ModelStatus model) {
    ObjectNode json =
        Json.object()
            .put("object", "node.model")
            .put("number", model.number())
            .put("requested", model.spec())
            .put("engine", model.engine())
            .put("device", model.device())
            .put("model", model.id().map(Object::toString).orElse(null))
            .put("kind", model.kind().map(ModelKind::label).orElse(null))
            .put("state", model.state().label())
            .put("since", model.since().getEpochSecond());
    model
        .progress()
        .ifPresent(
            progress ->
                json.putObject("progress")
                    .put("unit", progress.unit())
                    .put("done", progress.done())
                    .put("total", progress.total()));
    model
        .memory()
        .ifPresent(
            memory ->
                json.putObject("memory")
                    .put("weights", memory.weightsBytes())
                    .put("kv", memory.kvBytes())
                    .put("other", memory.workingBytes())
                    .put("total", memory.totalBytes()));
    model
        .activity()
        .ifPresent(
            activity ->
                json.putObject("activity")
                    .put("slots", activity.slots())
                    .put("running", activity.running())
                    .put("waiting", activity.waiting())
                    .put("kv_blocks", activity.kvBlocks())
                    .put("kv_blocks_free", activity.kvBlocksFree()));
    model
        .failure()
        .ifPresent(
            failure ->
                json.putObject("error")
                    .put("code", failure.code())
                    .put("message", failure.message()));
    return json;
  }
}
