package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Audit.State;
import io.parley.persistence.AuditAccesses.Access;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.Finding;
import io.parley.routing.protocol.SessionId;
import java.util.Locale;

/** Writes what audits found. */
final class AuditJson {
  private AuditJson() {}

  static ObjectNode report(ChainReport report) {
    ObjectNode json =
        Json.object()
            .put("object", "audit.verification")
            .put("persistence_id", report.persistenceId())
            .put("whole", report.isWhole())
            .put("events", report.events())
            .put("last_sequence", report.lastSequence())
            .put("unsealed_events", report.unsealedEvents())
            .put("superseded_rows", report.supersededRows())
            .put("checkpoints", report.checkpoints())
            .put("signed_sequence", report.signedSequence());
    ArrayNode findings = json.putArray("findings");
    for (Finding finding : report.findings()) {
      findings
          .addObject()
          .put("kind", finding.kind().name().toLowerCase(Locale.ROOT))
          .put("from", finding.from())
          .put("to", finding.to())
          .put("detail", finding.detail());
    }
    return json.put("findings_left_out", report.findingsLeftOut());
  }

  static ObjectNode line(Audit.Line line) {
    ObjectNode json = Json.object();
    SessionId id = line.session();
    if (line instanceof Audit.Line.Event event) {
      json.put("object", "audit.event")
          .put("tenant", id.tenant().value())
          .put("session_id", Ids.session(id))
          .put("sequence", event.sequence())
          .put("at_millis", event.atMillis())
          .put("stored_at_millis", event.storedAtMillis())
          .put("type", event.manifest())
          .put("hash", event.hash().orElse(null))
          .set("payload", event.payload());
      return json;
    }
    return json.put("object", "audit.error")
        .put("tenant", id.tenant().value())
        .put("session_id", Ids.session(id))
        .put("message", "What follows of this session cannot be read: verify it.");
  }

  static ObjectNode state(SessionId id, State state) {
    ObjectNode json =
        Json.object()
            .put("object", "audit.state")
            .put("session_id", Ids.session(id))
            .put("sequence", state.sequence())
            .put("at_millis", state.atMillis());
    json.set("session", state.session());
    return json;
  }

  static ObjectNode diff(SessionId id, State before, State after) {
    ObjectNode json =
        Json.object()
            .put("object", "audit.diff")
            .put("session_id", Ids.session(id))
            .put("from", before.sequence())
            .put("to", after.sequence());
    JsonDiff.put(json, before.session(), after.session());
    return json;
  }

  static ObjectNode access(Access access) {
    return Json.object()
        .put("object", "audit.access")
        .put("at_millis", access.atMillis())
        .put("listener", access.listener())
        .put("caller", access.caller())
        .put("address", access.address())
        .put("request", access.request());
  }
}
