package dev.tinyvm.server.http;

import java.nio.ByteBuffer;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** Errors that Jetty finds before a request reaches us (bad request lines, headers too large, …), in the same JSON as all others. */
public final class ProtocolErrors extends ErrorHandler {
    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Object statusAttribute = request.getAttribute(ERROR_STATUS);
        int status = statusAttribute instanceof Integer code ? code : Math.max(400, response.getStatus());
        Object reason = request.getAttribute(ERROR_MESSAGE);
        String text = reason instanceof String s && status < 500 ? s : "the request could not be served";
        String requestId = Dispatcher.requestId(request.getHeaders());
        HttpError error = HttpError.of(status, HttpError.code(status), "bad request: " + text, "");
        response.setStatus(status);
        response.getHeaders().put("Content-Type", "application/json");
        response.getHeaders().put("X-Request-Id", requestId);
        response.write(true, ByteBuffer.wrap(error.body(requestId).bytes()), callback);
        return true;
    }
}
