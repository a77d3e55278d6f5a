package io.parley.node.http;

import akka.NotUsed;
import akka.http.javadsl.model.HttpCharsets;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaType;
import akka.http.javadsl.model.MediaTypes;
import akka.japi.Pair;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Audits. At the edge, below {@code /v1/audit}, a tenant's key opens the tenant's own sessions; at
 * the management listener, below {@code /audit}, the operator's opens all.
 *
 * <p>Sessions are not asked, so those that were deleted can be audited like all others.
 */
final class AuditRoutes {
  private static final Logger LOG = LoggerFactory.getLogger(AuditRoutes.class);

  /** Audits that read at the same time; each keeps a core and the journal busy. */
  private static final int AT_ONCE_MAX = 4;

  private static final MediaType.WithFixedCharset LINES =
      MediaTypes.applicationWithFixedCharset("x-ndjson", HttpCharsets.UTF_8, "ndjson");
  private static final ByteString NEW_LINE = ByteString.fromString("\n");

  private final Optional<Audit> audit;
  private final long retryAfterMillis;
  private final AtomicInteger running = new AtomicInteger();

  /**
   * @param audit empty on a node without a journal
   */
  AuditRoutes(Optional<Audit> audit, HttpSettings settings) {
    this.audit = audit;
    this.retryAfterMillis = settings.retryAfter().toMillis();
  }

  /** What a tenant may ask. */
  void addForTenants(Router router) {
    router.get(
        "/v1/audit/sessions/{session}/verify",
        call -> verify(Ids.parseSession(call.tenant(), call.path().get(0))));
  }

  /** What an operator may ask. */
  void addForOperators(Router router) {
    router.get("/audit/verify", this::verifyAll);
    router.get(
        "/audit/tenants/{tenant}/sessions/{session}/verify",
        call -> verify(Ids.parseSession(tenant(call), call.path().get(1))));
  }

  private static TenantId tenant(Call call) {
    try {
      return new TenantId(call.path().get(0));
    } catch (IllegalArgumentException e) {
      throw JsonInput.invalid("tenant", "is not one: " + e.getMessage() + ".");
    }
  }

  private Audit audit() {
    return audit.orElseThrow(
        () -> ApiException.of(409, "no_journal", "This node has no journal: ask another one."));
  }

  private void enter() {
    if (running.incrementAndGet() > AT_ONCE_MAX) {
      running.decrementAndGet();
      throw ApiException.of(429, "audit_busy", "This node is busy with other audits.")
          .withRetryAfter(retryAfterMillis);
    }
  }

  private <T> CompletionStage<T> bounded(Supplier<CompletionStage<T>> work) {
    enter();
    return work.get()
        .whenComplete((done, failure) -> running.decrementAndGet())
        .exceptionally(
            failure -> {
              if (Errors.unwrap(failure) instanceof ApiException known) {
                throw known;
              }
              LOG.warn("the journal cannot be audited", Errors.unwrap(failure));
              throw Errors.ofJournal(failure, retryAfterMillis);
            });
  }

  private CompletionStage<HttpResponse> verify(SessionId id) {
    Audit journal = audit();
    return bounded(() -> journal.verify(id))
        .thenApply(
            report -> {
              if (report.events() == 0 && report.isWhole()) {
                throw ApiException.notFound("There is no such session.");
              }
              return Replies.ok(AuditJson.report(report).put("session_id", Ids.session(id)));
            });
  }

  /** A line for each journal that is not whole, now and then how far it is, and a sum. */
  private CompletionStage<HttpResponse> verifyAll(Call call) {
    Audit journal = audit();
    boolean each = call.queryOneOf("each", List.of("true", "false")).orElse("false").equals("true");
    Source<ObjectNode, NotUsed> lines =
        journal
            .verifyAll()
            .statefulMap(
                () -> new AuditWalk(each),
                (walk, report) -> Pair.create(walk, walk.next(report)),
                walk -> Optional.of(List.of(walk.sum())))
            .mapConcat(made -> made);
    return CompletableFuture.completedFuture(stream(call, lines));
  }

  /** JSON lines; one that cannot be made ends them with a line that says so. */
  private HttpResponse stream(Call call, Source<ObjectNode, NotUsed> lines) {
    enter();
    Source<ByteString, NotUsed> bytes =
        lines
            .recoverWithRetries(1, Throwable.class, () -> Source.single(broken()))
            .map(line -> ByteString.fromArray(Json.bytes(line)).concat(NEW_LINE));
    HttpResponse response =
        HttpResponse.create().withEntity(HttpEntities.create(LINES.toContentType(), bytes));
    return Replies.whenEnded(response, call.connection(), running::decrementAndGet);
  }

  private static ObjectNode broken() {
    LOG.warn("an audit broke off: the journal cannot be read");
    return Json.object()
        .put("object", "audit.error")
        .put("message", "The journal cannot be read: what follows is not known.");
  }
}
