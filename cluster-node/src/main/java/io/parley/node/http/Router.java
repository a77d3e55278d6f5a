package io.parley.node.http;

import akka.http.javadsl.model.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.CompletionStage;

/**
 * The table of routes. A plain table, not nested directives: so the OpenAPI document can be
 * compared with it, and a wrong method is told from a wrong path.
 */
public final class Router {
  /** All methods that any route takes. */
  static final String METHODS = "DELETE, GET, HEAD, POST";

  private final List<Route> routes = new ArrayList<>();

  /** What a route does. It may throw {@link ApiException}. */
  @FunctionalInterface
  public interface Handler {
    CompletionStage<HttpResponse> handle(Call call);
  }

  /**
   * One route.
   *
   * @param template like {@code /v1/responses/{id}/cancel}
   * @param open whether it is served without a key
   * @param takesJson whether a body is read, and must be JSON
   */
  public record Route(
      String method, String template, boolean open, boolean takesJson, Handler handler) {
    private List<String> parts() {
      return List.of(template.substring(1).split("/"));
    }

    private Optional<List<String>> match(List<String> segments) {
      List<String> parts = parts();
      if (parts.size() != segments.size()) {
        return Optional.empty();
      }
      List<String> values = new ArrayList<>();
      for (int i = 0; i < parts.size(); i++) {
        if (parts.get(i).startsWith("{")) {
          values.add(segments.get(i));
        } else if (!parts.get(i).equals(segments.get(i))) {
          return Optional.empty();
        }
      }
      return Optional.of(values);
    }
  }

  /** A route and the values of its template's parts. */
  record Match(Route route, List<String> values) {}

  void get(String template, Handler handler) {
    routes.add(new Route("GET", template, false, false, handler));
  }

  /** A GET that needs no key. */
  void open(String template, Handler handler) {
    routes.add(new Route("GET", template, true, false, handler));
  }

  void delete(String template, Handler handler) {
    routes.add(new Route("DELETE", template, false, false, handler));
  }

  /** A POST with a JSON body. */
  void post(String template, Handler handler) {
    routes.add(new Route("POST", template, false, true, handler));
  }

  /** A POST whose body, if any, is ignored. */
  void postWithoutBody(String template, Handler handler) {
    routes.add(new Route("POST", template, false, false, handler));
  }

  public List<Route> routes() {
    return List.copyOf(routes);
  }

  /** What a path and method lead to. */
  sealed interface Lookup {
    record Found(Match match) implements Lookup {}

    record WrongMethod(String allow) implements Lookup {}

    record Unknown() implements Lookup {}
  }

  Lookup find(String method, List<String> segments) {
    TreeSet<String> allowed = new TreeSet<>();
    for (Route route : routes) {
      Optional<List<String>> values = route.match(segments);
      if (values.isPresent()) {
        if (route.method().equals(method)) {
          return new Lookup.Found(new Match(route, values.get()));
        }
        allowed.add(route.method());
      }
    }
    if (allowed.contains("GET")) {
      allowed.add("HEAD"); // Akka answers it from GET
    }
    return allowed.isEmpty()
        ? new Lookup.Unknown()
        : new Lookup.WrongMethod(String.join(", ", allowed));
  }
}
