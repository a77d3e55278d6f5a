package io.parley.node.http;

import akka.NotUsed;
import akka.http.javadsl.model.AttributeKeys;
import akka.http.javadsl.model.HttpCharsets;
import akka.http.javadsl.model.HttpEntities;
import akka.http.javadsl.model.HttpResponse;
import akka.http.javadsl.model.MediaType;
import akka.http.javadsl.model.MediaTypes;
import akka.japi.Pair;
import akka.stream.javadsl.Source;
import akka.util.ByteString;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Audit.Range;
import io.parley.node.http.Audit.State;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Audits. At the edge, below {@code /v1/audit}, a tenant's key opens the tenant's own sessions; at
 * the management listener, below {@code /audit}, the operator's opens all. Who asks is written down
 * before anything is answered.
 *
 * <p>Sessions are not asked, so those that were deleted can be audited like all others.
 */
final class AuditRoutes {
  private static final Logger LOG = LoggerFactory.getLogger(AuditRoutes.class);

  /** Audits that read at the same time; each keeps a core and the journal busy. */
  private static final int AT_ONCE_MAX = 4;

  private static final long MAX = Long.MAX_VALUE;

  private static final MediaType.WithFixedCharset LINES =
      MediaTypes.applicationWithFixedCharset("x-ndjson", HttpCharsets.UTF_8, "ndjson");
  private static final ByteString NEW_LINE = ByteString.fromString("\n");

  private final Optional<Audit> audit;
  private final String listener;
  private final long retryAfterMillis;
  private final AtomicInteger running = new AtomicInteger();

  /**
   * @param audit empty on a node without a journal
   * @param listener which one this is, for the record of accesses
   */
  AuditRoutes(Optional<Audit> audit, String listener, HttpSettings settings) {
    this.audit = audit;
    this.listener = listener;
    this.retryAfterMillis = settings.retryAfter().toMillis();
  }

  /** What a tenant may ask. */
  void addForTenants(Router router) {
    sessions(
        router,
        "/v1/audit/sessions/{session}",
        call -> Ids.parseSession(call.tenant(), call.path().get(0)));
    get(router, "/v1/audit/export", call -> export(call, Optional.of(call.tenant())));
  }

  /** What an operator may ask. */
  void addForOperators(Router router) {
    sessions(
        router,
        "/audit/tenants/{tenant}/sessions/{session}",
        call -> Ids.parseSession(tenant("tenant", call.path().get(0)), call.path().get(1)));
    get(router, "/audit/verify", this::verifyAll);
    get(
        router,
        "/audit/export",
        call ->
            export(
                call,
                Optional.ofNullable(call.query().get("tenant")).map(t -> tenant("tenant", t))));
    get(router, "/audit/accesses", this::accesses);
  }

  private void sessions(Router router, String path, Function<Call, SessionId> id) {
    get(router, path + "/verify", call -> verify(id.apply(call)));
    get(
        router,
        path + "/events",
        call -> stream(call, audit().events(id.apply(call), range(call)).map(AuditJson::line)));
    get(router, path + "/replay", call -> replay(call, id.apply(call)));
    get(router, path + "/diff", call -> diff(call, id.apply(call)));
  }

  /** A route whose use is written down first. */
  private void get(
      Router router, String path, Function<Call, CompletionStage<HttpResponse>> handler) {
    router.get(
        path,
        call ->
            ofJournal(audit().accessed(listener, caller(call), address(call), request(call)))
                .thenCompose(noted -> handler.apply(call)));
  }

  /** By the beginning of the key's hash, as it stands in the file of keys. */
  private static String caller(Call call) {
    String header = call.header("Authorization").map(String::strip).orElse("");
    String key =
        header.regionMatches(true, 0, "Bearer ", 0, 7)
            ? "key " + ApiKeys.hashOf(header.substring(7).strip()).substring(0, 16)
            : "no key";
    return call.tenant().value() + ", " + key;
  }

  private static String address(Call call) {
    return call.request()
        .getAttribute(AttributeKeys.remoteAddress)
        .flatMap(remote -> remote.getAddress())
        .map(inet -> inet.getHostAddress())
        .orElse("");
  }

  private static String request(Call call) {
    String uri = call.request().getUri().toRelative().toString();
    return uri.length() > 2000 ? uri.substring(0, 2000) : uri;
  }

  private static TenantId tenant(String name, String value) {
    try {
      return new TenantId(value);
    } catch (IllegalArgumentException e) {
      throw JsonInput.invalid(name, "is not one: " + e.getMessage() + ".");
    }
  }

  private static Range range(Call call) {
    return new Range(
        call.queryInteger("from", 1, MAX).orElse(1L),
        call.queryInteger("to", 1, MAX).orElse(MAX),
        call.queryInteger("since", 0, MAX).orElse(0L),
        call.queryInteger("until", 0, MAX).orElse(MAX));
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
    return ofJournal(work.get().whenComplete((done, failure) -> running.decrementAndGet()));
  }

  private <T> CompletionStage<T> ofJournal(CompletionStage<T> work) {
    return work.exceptionally(
        failure -> {
          if (Errors.unwrap(failure) instanceof ApiException known) {
            throw known;
          }
          LOG.warn("the journal cannot be audited", Errors.unwrap(failure));
          throw Errors.ofJournal(failure, retryAfterMillis);
        });
  }

  private CompletionStage<HttpResponse> verify(SessionId id) {
    return bounded(() -> audit().verify(id))
        .thenApply(
            report -> {
              if (report.events() == 0 && report.isWhole()) {
                throw noSuchSession();
              }
              return Replies.ok(AuditJson.report(report).put("session_id", Ids.session(id)));
            });
  }

  private static ApiException noSuchSession() {
    return ApiException.notFound("There is no such session, or none at this point.");
  }

  /** A session as it was behind an event ({@code sequence}) or at a time ({@code at}). */
  private CompletionStage<HttpResponse> replay(Call call, SessionId id) {
    Range range =
        new Range(
            1,
            call.queryInteger("sequence", 1, MAX).orElse(MAX),
            0,
            call.queryInteger("at", 0, MAX).orElse(MAX));
    return bounded(() -> audit().replay(id, range))
        .thenApply(
            found -> {
              State state = found.orElseThrow(AuditRoutes::noSuchSession);
              return Replies.ok(AuditJson.state(id, state));
            });
  }

  /** What became other between two events. */
  private CompletionStage<HttpResponse> diff(Call call, SessionId id) {
    long from = call.queryInteger("from", 1, MAX).orElse(1L);
    long to = call.queryInteger("to", 1, MAX).orElse(MAX);
    return bounded(
            () ->
                audit()
                    .replay(id, Range.upTo(from))
                    .thenCombine(audit().replay(id, Range.upTo(to)), Pair::create))
        .thenApply(
            both ->
                Replies.ok(
                    AuditJson.diff(
                        id,
                        both.first().orElseThrow(AuditRoutes::noSuchSession),
                        both.second().orElseThrow(AuditRoutes::noSuchSession))));
  }

  private CompletionStage<HttpResponse> export(Call call, Optional<TenantId> tenant) {
    return stream(call, audit().export(tenant, range(call)).map(AuditJson::line));
  }

  private CompletionStage<HttpResponse> accesses(Call call) {
    String day = call.query().getOrDefault("day", LocalDate.now(ZoneOffset.UTC).toString());
    LocalDate date;
    try {
      date = LocalDate.parse(day);
    } catch (DateTimeParseException e) {
      throw JsonInput.invalid("day", "must be a day like 2026-01-31.");
    }
    return stream(call, audit().accesses(date).map(AuditJson::access));
  }

  /** A line for each journal that is not whole, now and then how far it is, and a sum. */
  private CompletionStage<HttpResponse> verifyAll(Call call) {
    boolean each = call.queryOneOf("each", List.of("true", "false")).orElse("false").equals("true");
    return stream(
        call,
        audit()
            .verifyAll()
            .statefulMap(
                () -> new AuditWalk(each),
                (walk, report) -> Pair.create(walk, walk.next(report)),
                walk -> Optional.of(List.of(walk.sum())))
            .mapConcat(made -> made));
  }

  /** JSON lines; what cannot be read ends them with a line that says so. */
  private CompletionStage<HttpResponse> stream(Call call, Source<ObjectNode, NotUsed> lines) {
    enter();
    Source<ByteString, NotUsed> bytes =
        lines
            .recoverWithRetries(1, Throwable.class, () -> Source.single(broken()))
            .map(line -> ByteString.fromArray(Json.bytes(line)).concat(NEW_LINE));
    HttpResponse response =
        HttpResponse.create().withEntity(HttpEntities.create(LINES.toContentType(), bytes));
    return CompletableFuture.completedFuture(
        Replies.whenEnded(response, call.connection(), running::decrementAndGet));
  }

  private static ObjectNode broken() {
    LOG.warn("an audit broke off: the journal cannot be read");
    return Json.object()
        .put("object", "audit.error")
        .put("message", "The journal cannot be read: what follows is not known.");
  }
}
