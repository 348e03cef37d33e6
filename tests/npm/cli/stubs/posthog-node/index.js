exports.PostHog = class { alias() {} capture() {} groupIdentify() {} identify() {} shutdown() {} shutdownAsync() {} };
