package io.parley.node.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.persistence.chain.ChainReport;
import io.parley.persistence.chain.Finding;
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
}
