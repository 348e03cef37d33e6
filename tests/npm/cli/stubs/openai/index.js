module.exports = class {}; module.exports.OpenAI = module.exports; module.exports.default = module.exports;
