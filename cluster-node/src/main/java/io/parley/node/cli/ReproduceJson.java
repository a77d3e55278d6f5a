package io.parley.node.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.audit.reproduce.Summary;
import io.parley.node.audit.reproduce.TurnReport;
import io.parley.node.audit.reproduce.TurnReport.Outcome;
import io.parley.node.http.Ids;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.SessionId;
import io.parley.workers.reproduce.AttemptReport;
import io.parley.workers.reproduce.Deviation;
import io.parley.workers.reproduce.TokenReport;
import io.parley.workers.reproduce.Verdict;
import java.util.Locale;

/** Prints a run of {@code parley audit reproduce} for programs: a JSON object a line. */
final class ReproduceJson implements ReproducePrinter {
  private final ObjectMapper json = new ObjectMapper();

  private ObjectNode object(String kind) {
    return json.createObjectNode().put("object", "audit.reproduce." + kind);
  }

  private ObjectNode object(String kind, SessionId session) {
    return object(kind)
        .put("tenant", session.tenant().value())
        .put("session_id", Ids.session(session));
  }

  @Override
  public void turn(TurnReport report) {
    ObjectNode node =
        object("turn", report.session())
            .put("turn", report.turn())
            .put("outcome", report.outcome().label())
            .put("tokens", report.tokens());
    report.attempts().forEach(attempt -> node.withArray("attempts").add(attempt(attempt)));
    System.out.println(node);
  }

  private ObjectNode attempt(AttemptReport report) {
    ObjectNode node = json.createObjectNode();
    node.put("attempt", report.attempt().work().id().attempt());
    node.put("model", report.attempt().prompt().model().toString());
    node.put("variant", report.attempt().prompt().variant());
    node.put("first_index", report.attempt().work().prefix().size());
    node.put("tokens", report.tokens());
    Verdict verdict = report.verdict();
    if (verdict instanceof Verdict.Exact exact) {
      node.put("outcome", Outcome.EXACT.label());
      exact.cut().ifPresent(cut -> node.put("cut", cut));
    } else if (verdict instanceof Verdict.Near near) {
      node.put("outcome", Outcome.NEAR.label());
      node.put("other_tokens", near.otherTokens());
      node.put("widest_log_probability", near.widestLogProb());
      near.cut().ifPresent(cut -> node.put("cut", cut));
    } else if (verdict instanceof Verdict.Unknown unknown) {
      node.put("outcome", Outcome.UNKNOWN.label());
      node.put("reason", unknown.reason().name().toLowerCase(Locale.ROOT));
      node.put("message", unknown.message());
    } else if (verdict instanceof Verdict.Differs differs) {
      Deviation first = differs.first();
      node.put("outcome", Outcome.DIFFERS.label());
      node.put("kind", first.kind().name().toLowerCase(Locale.ROOT));
      node.put("index", first.index());
      node.put("message", first.message());
      node.put("other_tokens", differs.otherTokens());
    }
    return node;
  }

  @Override
  public void problem(SessionId session, String message) {
    System.out.println(object("problem", session).put("message", message));
  }

  @Override
  public void model(ModelId model, String recordedVariant, String variantHere) {
    System.out.println(
        object("model")
            .put("model", model.toString())
            .put("recorded_variant", recordedVariant)
            .put("variant", variantHere));
  }

  @Override
  public synchronized void token(TokenReport token) {
    System.out.println(
        object("token", token.attempt().session())
            .put("turn", token.attempt().turn())
            .put("index", token.index())
            .put("recorded", token.recorded())
            .put("drawn", token.drawn())
            .put("exact", token.exact())
            .put("log_probability", token.logProb()));
  }

  @Override
  public void summary(Summary summary) {
    ObjectNode node =
        object("summary").put("turns", summary.turns()).put("tokens", summary.tokens());
    for (Outcome outcome : Outcome.values()) {
      node.put(outcome.label(), summary.turns(outcome));
    }
    System.out.println(
        node.put("problems", summary.problems())
            .put("tokens_again", summary.tokensAgain())
            .put("tokens_computed", summary.tokensComputed())
            .put("seconds", summary.seconds())
            .put("tokens_per_second", summary.tokensPerSecond()));
  }
}
