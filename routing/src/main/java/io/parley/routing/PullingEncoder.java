package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.WorkerMessage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An encoder's worker as a dispatcher sees it. Used by the dispatcher's thread alone. */
final class PullingEncoder {
  final ActorRef<WorkerMessage> worker;
  final ModelId model;

  /** What it has of this dispatcher, by id. */
  private final Map<String, EmbeddingPart> held = new LinkedHashMap<>();

  private long number;
  private boolean answered;

  /** Of these, what it was given last. */
  private List<EmbeddingPart> answer = List.of();

  private int tokens;
  private boolean withdrawn;
  private long sinceNanos;

  PullingEncoder(ActorRef<WorkerMessage> worker, ModelId model, long number, long nowNanos) {
    this.worker = worker;
    this.model = model;
    this.number = number;
    this.sinceNanos = nowNanos;
  }

  /** What a pull turns out to be. */
  enum PullKind {
    /** It wants something. */
    WANTS,
    /** It has not got the answer to this number, or is about to. */
    REPEATED,
    /** The worker has begun anew, and knows nothing of what it held. */
    BEGUN_ANEW
  }

  PullKind pulled(long pulled, int wanted, long nowNanos) {
    withdrawn = false;
    tokens = wanted;
    if (pulled == number) {
      return answered ? PullKind.REPEATED : PullKind.WANTS;
    }
    PullKind kind = answered && pulled == number + 1 ? PullKind.WANTS : PullKind.BEGUN_ANEW;
    number = pulled;
    answered = false;
    answer = List.of();
    sinceNanos = nowNanos;
    return kind;
  }

  /** It takes nothing more. */
  void withdraw() {
    withdrawn = true;
  }

  boolean isWithdrawn() {
    return withdrawn;
  }

  long number() {
    return number;
  }

  /** How much it wants, beyond what it has been given since it said so. */
  int wants() {
    return answered || withdrawn ? 0 : tokens;
  }

  long sinceNanos() {
    return sinceNanos;
  }

  /** Counts a request as part of the answer to come. */
  void give(EmbeddingPart part) {
    tokens -= part.request.estimatedTokens();
    held.put(part.id(), part);
  }

  /** The answer to its pull is on its way. */
  void answer(List<EmbeddingPart> parts) {
    answered = true;
    answer = parts;
  }

  /** What of the answer it still has to compute. */
  List<EmbeddingPart> lastAnswer() {
    return answer.stream().filter(part -> held.get(part.id()) == part).toList();
  }

  void released(EmbeddingPart part) {
    held.remove(part.id());
  }

  List<EmbeddingPart> held() {
    return List.copyOf(held.values());
  }
}
