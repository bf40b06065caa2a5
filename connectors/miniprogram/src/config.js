/** The only thing an installation changes: where its chat door answers (HTTPS, a domain listed on mp.weixin.qq.com). */
module.exports = { base: "https://chat.example.gov.cn" };
