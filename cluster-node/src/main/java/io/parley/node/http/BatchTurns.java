package io.parley.node.http;

import akka.actor.typed.ActorSystem;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Turns.OnDisconnect;
import io.parley.node.http.Turns.Start;
import io.parley.node.http.Turns.Started;
import io.parley.node.http.openai.ChatRequest;
import io.parley.node.http.openai.ResponsesRequest;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.SessionId;
import io.parley.sessions.SessionCommand.CancelTurn;
import io.parley.sessions.SessionCommand.Reply.Done;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnStatus;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Requests of the API that did not come by HTTP: read by the same readers, run as the same turns
 * and answered with the same objects. The turn goes on, whether its caller is still there or not.
 */
public final class BatchTurns {
  private final Sessions sessions;
  private final Turns turns;
  private final Answers answers;
  private final ModelRoutes models;

  /**
   * Turns of the sessions that the gateway reaches.
   *
   * @param settings those of the edge: its patience with sessions and their journal
   */
  public BatchTurns(
      ActorSystem<?> system, HttpSettings settings, SessionGateway gateway, ModelCatalog catalog) {
    this.sessions = new Sessions(gateway, settings);
    this.turns =
        new Turns(
            sessions,
            new TurnReader(gateway, settings, system),
            settings,
            system,
            Stopping.notYet());
    this.answers = new Answers(turns::failure);
    this.models = new ModelRoutes(catalog, settings);
  }

  /** What can be asked for. */
  public enum Api {
    CHAT("/v1/chat/completions", "chat"),
    RESPONSES("/v1/responses", "responses");

    private final String url;
    private final String label;

    Api(String url, String label) {
      this.url = url;
      this.label = label;
    }

    /** The one behind a path, if there is one. */
    public static Optional<Api> of(String url) {
      return Arrays.stream(values()).filter(api -> api.url.equals(url)).findFirst();
    }

    /** The paths of all. */
    public static String urls() {
      return String.join(", ", Arrays.stream(values()).map(api -> api.url).toList());
    }
  }

  /**
   * A request that was read and can be run.
   *
   * @param fingerprint by which the same request is known
   * @param withTokens whether its answer needs them one by one
   */
  public record Request(Api api, TurnRequest turn, String fingerprint, boolean withTokens) {}

  /** A turn that runs or has ended. */
  public record Running(SessionId session, int turn) {}

  /** How a turn ended. */
  public sealed interface End {
    /** With the body that HTTP would have answered. */
    record Answered(ObjectNode body) implements End {}

    /** Without one; no more will come of this turn. */
    record Failed(ApiException why) implements End {}
  }

  /**
   * Reads a request's body.
   *
   * @throws ApiException as HTTP would refuse it; also when it wants what only HTTP has
   */
  public Request read(Api api, ObjectNode body, Priority priority) {
    JsonInput in = JsonInput.root(body);
    in.unsupportedUnless("stream", Set.of("false"));
    in.unsupportedUnless("conversation", Set.of());
    in.unsupportedUnless("previous_response_id", Set.of());
    String fingerprint = Fingerprint.of(api.label, in);
    return switch (api) {
      case CHAT -> {
        ChatRequest read = ChatRequest.read(in, models::answering, BatchTurns::seed);
        yield new Request(
            api, read.turn(false).withPriority(priority), fingerprint, read.sampling().logProbs());
      }
      case RESPONSES -> {
        ResponsesRequest read = ResponsesRequest.read(in, models::answering, BatchTurns::seed);
        yield new Request(api, read.turn().withPriority(priority), fingerprint, false);
      }
    };
  }

  private static long seed() {
    return ThreadLocalRandom.current().nextLong();
  }

  /**
   * Starts the turn that a session and key mean, or finds it.
   *
   * @return fails with an {@link ApiException} when it cannot be begun now, or not at all
   */
  public CompletionStage<Running> start(SessionId session, String key, Request request) {
    return turns
        .start(of(session, key, request))
        .thenApply(started -> new Running(started.session(), started.turn()));
  }

  /** The turn that a session and key mean, if it was begun; none begins. */
  public CompletionStage<Optional<Running>> find(SessionId session, String key, Request request) {
    return turns
        .find(of(session, key, request))
        .thenApply(found -> found.map(started -> new Running(started.session(), started.turn())));
  }

  private static Start of(SessionId session, String key, Request request) {
    return new Start(session, key, request.fingerprint(), true, request.turn());
  }

  /**
   * Reads a turn to its end.
   *
   * @return fails with an {@link ApiException} when it could not be read for long; it may be asked
   *     for again then
   */
  public CompletionStage<End> end(Running running, Request request) {
    Started started = new Started(running.session(), running.turn(), true);
    return turns
        .await(started, request.withTokens(), OnDisconnect.ignore())
        .thenApply(ended -> ending(request, started, ended));
  }

  private End ending(Request request, Started started, Turns.Ended ended) {
    try {
      return new End.Answered(
          switch (request.api()) {
            case CHAT -> answers.chat(started.session(), ended);
            case RESPONSES -> {
              if (ended.turn().status() == TurnStatus.CANCELLED) {
                throw Errors.cancelled();
              }
              yield answers.response(started.session(), ended.turn());
            }
          });
    } catch (ApiException e) {
      return new End.Failed(e);
    }
  }

  /** Ends a turn; one that has ended stays as it is. */
  public CompletionStage<Void> cancel(Running running) {
    return sessions
        .ask(running.session(), Done.class, replyTo -> new CancelTurn(running.turn(), replyTo))
        .thenCompose(done -> CompletableFuture.completedFuture(null));
  }
}
